"""What a text that is being written would contradict, among what its writer may read; must not write or record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pgvector.django import CosineDistance

from context.access import Principal
from context.claims.conflicts import clash_of
from context.claims.declared import declared_claims
from context.embeddings import embed_drafts
from context.models import ContextVersion, Passage
from context.passages import PassageDraft, split
from governance.drift.contradictions import LEAST_LIKENESS
from governance.drift.contradictions_search import Conflict, between, between_declared
from governance.drift.duplicates_passages import PassageText

NEAREST = 8  # passages in force that each passage of the draft is compared with
MOST_PASSAGES = 60  # of a draft; a longer one is checked as far as that, the scan sees the rest
MOST_TOLD = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A text as it stands in a form. `key` names the item it will be, whose own text in force does not count."""

    key: str
    title: str
    body: str
    data: Mapping[str, Any]
    claims: Sequence[Mapping[str, Any]] = ()


def contradictions_with(*, draft: Draft, principal: Principal, now: datetime) -> list[Conflict]:
    """The texts in force that this one could not stand beside, as far as the principal may read them.

    Side `draft.key` of each conflict is the draft, as version 0. About 10 ms for each passage of the draft.
    """
    found = _in_claims(draft, principal, now)
    told = {(conflict.a.key, conflict.b.key) for conflict in found}
    drafts = embed_drafts(split(title=draft.title, body=draft.body, data=draft.data)[:MOST_PASSAGES])
    for passage in drafts:
        ours = _ours(draft, passage, now)
        for row in _nearest(passage, draft.key, principal, now):
            conflict = between(ours, _theirs(row))
            if conflict is not None and (conflict.a.key, conflict.b.key) not in told:
                found.append(conflict)
        if len(found) >= MOST_TOLD:
            break
    return found[:MOST_TOLD]


def _nearest(passage: PassageDraft, key: str, principal: Principal, now: datetime) -> Sequence[Passage]:
    distance = CosineDistance("embedding", passage.embedding)
    rows = (
        Passage.objects.visible_to(principal)
        .in_force(now)
        .filter(item__retired_at__isnull=True, embedding__isnull=False, embedding_model=passage.embedding_model)
        .exclude(item__key=key)
        .select_related("item", "version")
        .annotate(distance=distance)
        .filter(distance__lte=1 - LEAST_LIKENESS)
        .order_by("distance")
    )
    return list(rows[:NEAREST])


def _in_claims(draft: Draft, principal: Principal, now: datetime) -> list[Conflict]:
    ours = declared_claims(draft.claims)
    if not ours:
        return []
    versions = ContextVersion.objects.visible_to(principal).in_force(now).exclude(item__key=draft.key)
    wanted = versions.filter(item__retired_at__isnull=True).exclude(claims=[]).select_related("item")
    mine = ContextVersion(
        number=0, title=draft.title, body=draft.body, data=dict(draft.data), claims=list(draft.claims), published_at=now
    )
    found = []
    for version in wanted.order_by("item__key"):
        for claim in declared_claims(version.claims):
            for own in ours:
                clash = clash_of(own, claim)
                if clash is not None:
                    found.append(between_declared(clash, (mine, draft.key, own), (version, version.item.key, claim)))
    return found


def _ours(draft: Draft, passage: PassageDraft, now: datetime) -> PassageText:
    said = draft.data.get("applies_to")
    return PassageText(
        id=-1 - passage.ordinal,
        item_id=0,
        key=draft.key,
        title=draft.title,
        version=0,
        version_id=0,
        heading=passage.heading_path,
        anchor=passage.anchor,
        text=passage.text,
        published_at=now,
        applies_to=tuple(str(each) for each in said) if isinstance(said, list) else (),
    )


def _theirs(row: Passage) -> PassageText:
    said = row.version.data.get("applies_to")
    return PassageText(
        id=row.pk,
        item_id=row.item_id,
        key=row.item.key,
        title=row.version.title,
        version=row.version.number,
        version_id=row.version_id,
        heading=row.heading_path,
        anchor=row.anchor,
        text=row.text,
        published_at=row.version.published_at,
        applies_to=tuple(str(each) for each in said) if isinstance(said, list) else (),
    )
