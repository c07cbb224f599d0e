"""What a text that is being written would contradict, among what its writer may read; must not write or record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from context.access import Principal
from context.claims.conflicts import clash_of
from context.claims.declared import declared_claims
from context.embeddings import embed_drafts, vector_text
from context.models import ContextVersion, Passage
from context.passages import PassageDraft, split
from context.statements import rows
from context.visibility import reader, visible
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
    return contradictions_of(drafts=[draft], principal=principal, now=now)[0]


def contradictions_of(*, drafts: Sequence[Draft], principal: Principal, now: datetime) -> list[list[Conflict]]:
    """The same for each of several texts, in as many queries as for one."""
    found = _in_claims(drafts, principal, now)
    near = _nearest(drafts, principal, now)
    for draft, conflicts in zip(drafts, found, strict=True):
        told = {(conflict.a.key, conflict.b.key) for conflict in conflicts}
        for passage, rows_near in near[draft.key]:
            ours = _ours(draft, passage, now)
            for row in rows_near:
                conflict = between(ours, _theirs(row))
                if conflict is not None and (conflict.a.key, conflict.b.key) not in told:
                    conflicts.append(conflict)
            if len(conflicts) >= MOST_TOLD:
                break
        del conflicts[MOST_TOLD:]
    return found


def _nearest(
    drafts: Sequence[Draft], principal: Principal, now: datetime
) -> dict[str, list[tuple[PassageDraft, list[Passage]]]]:
    """For each draft by its key, its passages and the passages in force that are nearest to each. Two queries."""
    split_up = [
        (draft.key, passage)
        for draft in drafts
        for passage in split(title=draft.title, body=draft.body, data=draft.data)[:MOST_PASSAGES]
    ]
    embedded = embed_drafts([passage for _, passage in split_up])
    asked = [(key, passage) for (key, _), passage in zip(split_up, embedded, strict=True)]
    found: dict[int, list[int]] = {}
    for place, passage_id in rows(_NEAREST, _asking(asked, principal, now)) if asked else ():
        found.setdefault(place - 1, []).append(passage_id)
    known = Passage.objects.select_related("item", "version").in_bulk({each for ids in found.values() for each in ids})
    near: dict[str, list[tuple[PassageDraft, list[Passage]]]] = {draft.key: [] for draft in drafts}
    for place, (key, passage) in enumerate(asked):
        near[key].append((passage, [known[each] for each in found.get(place, ()) if each in known]))
    return near


def _asking(asked: Sequence[tuple[str, PassageDraft]], principal: Principal, now: datetime) -> dict[str, Any]:
    return {
        **reader(principal),
        "keys": [key for key, _ in asked],
        "vectors": [vector_text(passage.embedding) for _, passage in asked if passage.embedding is not None],
        "model": asked[0][1].embedding_model,
        "now": now,
        "furthest": 1 - LEAST_LIKENESS,
    }


_NEAREST = f"""
SELECT asked.place, near.id
FROM unnest(%(keys)s::text[], %(vectors)s::text[]) WITH ORDINALITY AS asked (key, vector, place)
CROSS JOIN LATERAL (
    SELECT passage.id, passage.embedding <=> asked.vector::halfvec(384) AS distance
    FROM context_passage passage JOIN context_contextitem item ON item.id = passage.item_id
    WHERE {visible("item")} AND item.retired_at IS NULL AND item.key <> asked.key
    AND passage.embedding IS NOT NULL AND passage.embedding_model = %(model)s
    AND passage.in_force_from <= %(now)s AND (passage.in_force_until IS NULL OR passage.in_force_until > %(now)s)
    AND passage.embedding <=> asked.vector::halfvec(384) <= %(furthest)s
    ORDER BY distance LIMIT {NEAREST}
) AS near
ORDER BY asked.place, near.distance, near.id
"""


def _in_claims(drafts: Sequence[Draft], principal: Principal, now: datetime) -> list[list[Conflict]]:
    declared = [declared_claims(draft.claims) for draft in drafts]
    found: list[list[Conflict]] = [[] for _ in drafts]
    if not any(declared):
        return found
    versions = ContextVersion.objects.visible_to(principal).in_force(now)
    wanted = versions.filter(item__retired_at__isnull=True).exclude(claims=[]).select_related("item")
    for version in wanted.order_by("item__key"):
        theirs = declared_claims(version.claims)
        for draft, ours, conflicts in zip(drafts, declared, found, strict=True):
            if version.item.key == draft.key:
                continue
            mine = _as_version(draft, now)
            for claim in theirs:
                for own in ours:
                    clash = clash_of(own, claim)
                    if clash is not None:
                        sides = (mine, draft.key, own), (version, version.item.key, claim)
                        conflicts.append(between_declared(clash, *sides))
    return found


def _as_version(draft: Draft, now: datetime) -> ContextVersion:
    return ContextVersion(
        number=0, title=draft.title, body=draft.body, data=dict(draft.data), claims=list(draft.claims), published_at=now
    )


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
