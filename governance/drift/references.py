"""Finds what texts point at that is no longer there: related, linked and named items; must not follow links outside.

Three ways to point: a relation, a link in the text (`item:<key>` or `/items/<key>/`), and a property of the structured
data whose schema says that it is a key (a precedent's successor, an org unit's parent). What is pointed at may be
missing, retired, or itself superseded; an exception whose rule was retired is the gravest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from context.formats.links import addresses
from context.models import Kind
from context.models.items import KEY_PATTERN
from context.statements import rows
from governance.drift.detectors import Detector, Looking, Scope, Subjects
from governance.drift.drafts import Excerpt, FindingDraft, Proposal, evidence

EXCEPTION, SUPERSEDED, MISSING, RETIRED = 0.8, 0.5, 0.6, 0.4
AROUND = 240
# More retired texts than this, and everything is looked at rather than asked for by name.
MOST_NAMES = 200
_ADDRESS = re.compile(r"^(?:item:|/items/)([a-z0-9]+(?:-[a-z0-9]+)*/[a-z0-9]+(?:-[a-z0-9]+)*)/?(?:#.*)?$")

_RELATIONS = """
SELECT item.id, item.title, relation.type, target.id, target.key, target.title, target.retired_at, successor.key
FROM context_relation relation
JOIN context_contextitem item ON item.id = relation.source_id
JOIN context_contextitem target ON target.id = relation.target_id AND target.retired_at IS NOT NULL
LEFT JOIN context_contextitem successor ON successor.id = target.replaced_by_id
WHERE item.id = ANY (%(items)s::bigint[]) AND item.retired_at IS NULL
AND relation.type NOT IN ('replaced_by')
"""
_BODIES = """
SELECT item.id, item.key, item.title, version.number, version.body
FROM context_contextitem item JOIN context_contextversion version ON version.id = item.current_version_id
WHERE item.id = ANY (%(items)s::bigint[]) AND item.retired_at IS NULL
AND (version.body LIKE '%%item:%%' OR version.body LIKE '%%/items/%%')
"""
_NAMED = """
SELECT item.id, item.key, item.title, version.number, version.data ->> %(property)s
FROM context_contextitem item JOIN context_contextversion version ON version.id = item.current_version_id
WHERE item.id = ANY (%(items)s::bigint[]) AND item.retired_at IS NULL AND item.kind_id = %(kind)s
AND version.data ->> %(property)s IS NOT NULL
"""
_TARGETS = """
SELECT item.id, item.key, item.title, item.retired_at, successor.key
FROM context_contextitem item LEFT JOIN context_contextitem successor ON successor.id = item.replaced_by_id
WHERE item.key = ANY (%(keys)s::text[])
"""
_POINTING = """
SELECT item.id FROM context_contextitem item
JOIN context_contextversion version ON version.id = item.current_version_id
WHERE item.retired_at IS NULL AND (
    ((version.body LIKE '%%item:%%' OR version.body LIKE '%%/items/%%') AND version.body ~ %(names)s)
    OR version.data::text ~ %(names)s
)
"""
# Those that pointed at nothing, once there is something, and at a text that came back.
_WAITING = """
SELECT finding.item_id FROM governance_finding finding
WHERE finding.detector = 'references' AND finding.state IN ('open', 'acknowledged')
AND finding.evidence ->> 'target' = ANY (%(keys)s::text[])
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Target:
    item_id: int
    key: str
    title: str
    retired_at: datetime | None
    successor: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pointer:
    """One place that points at an item: in the text (with where), or in a property of the data."""

    item_id: int
    key: str
    title: str
    version: int
    target: str
    body: str = ""
    start: int = 0
    end: int = 0
    property: str = ""


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """Three statements, one for each property that names a key, and one for what is pointed at."""
    asked: dict[str, Any] = {"items": list(subjects.item_ids)}
    yield from _related(rows(_RELATIONS, asked))
    pointers = list(_linked(rows(_BODIES, asked)))
    for kind_id, name in _key_properties():
        found = rows(_NAMED, {**asked, "kind": kind_id, "property": name})
        pointers += [
            _Pointer(item_id=item_id, key=key, title=title, version=number, target=target, property=name)
            for item_id, key, title, number, target in found
        ]
    keys = sorted({pointer.target for pointer in pointers})
    targets = {
        key: _Target(item_id=item_id, key=key, title=title, retired_at=retired_at, successor=successor)
        for item_id, key, title, retired_at, successor in (rows(_TARGETS, {"keys": keys}) if keys else ())
    }
    yield from _broken(pointers, targets)


def neighbours(changed: Sequence[int]) -> Iterator[int]:
    """Who points at what was retired, or came into being. Two statements, or three."""
    keys: dict[str, bool] = dict(
        rows(
            "SELECT key, retired_at IS NOT NULL FROM context_contextitem WHERE id = ANY (%(items)s::bigint[])",
            {"items": list(changed)},
        )
    )
    yield from (item_id for (item_id,) in rows(_WAITING, {"keys": sorted(keys)}) if item_id is not None)
    retired = sorted(key for key, is_retired in keys.items() if is_retired)
    if len(retired) > MOST_NAMES:
        yield from (item_id for (item_id,) in rows("SELECT id FROM context_contextitem WHERE retired_at IS NULL", {}))
    elif retired:
        names = rf"\m({'|'.join(retired)})\M"
        yield from (item_id for (item_id,) in rows(_POINTING, {"names": names}))


def _related(found: Iterable[tuple[Any, ...]]) -> Iterator[FindingDraft]:
    for item_id, title, kind, target_id, target, target_title, retired_at, successor in found:
        exception = kind == "exception_to"
        instead = f" “{successor}” took its place." if successor else ""
        what = "is an exception to" if exception else f"is related ({kind.replace('_', ' ')}) to"
        yield FindingDraft(
            cause={"item": item_id, "relation": kind, "target": target},
            summary=f"“{title}” {what} “{target_title}”, which was retired.",
            evidence=evidence(
                sentence=f"The {'rule' if exception else 'text'} it points at was retired on "
                f"{retired_at:%d %B %Y}.{instead}",
                figures={"Relation": kind.replace("_", " "), "Retired on": retired_at.date().isoformat()},
                target=target,
                successor=successor,
            ),
            basis={"target": target, "retired": True},
            item_id=item_id,
            other_item_ids=(target_id,),
            size=EXCEPTION if exception else RETIRED,
        )


def _linked(found: Iterable[tuple[Any, ...]]) -> Iterator[_Pointer]:
    for item_id, key, title, number, body in found:
        for start, end, address in addresses(body):
            named = _ADDRESS.match(address)
            if named is not None:
                yield _Pointer(
                    item_id=item_id,
                    key=key,
                    title=title,
                    version=number,
                    target=named[1],
                    body=body,
                    start=start,
                    end=end,
                )


def _key_properties() -> list[tuple[int, str]]:
    """Kind and property wherever a schema says that a text property is the key of an item. One query."""
    return [
        (kind_id, name)
        for kind_id, schema in Kind.objects.order_by("pk").values_list("pk", "schema")
        for name, described in sorted((schema.get("properties") or {}).items())
        if isinstance(described, Mapping) and described.get("pattern") == KEY_PATTERN
    ]


def _broken(pointers: Iterable[_Pointer], targets: Mapping[str, _Target]) -> Iterator[FindingDraft]:
    for pointer in pointers:
        target = targets.get(pointer.target)
        if target is not None and target.retired_at is None:
            if pointer.property == "superseded_by":
                yield _superseded(pointer, target)
            continue
        where = f"its {pointer.property.replace('_', ' ')}" if pointer.property else "its text"
        named = (
            f"“{target.title}”, which was retired" if target is not None else f"“{pointer.target}”, which is not there"
        )
        successor = target.successor if target is not None else None
        yield FindingDraft(
            cause={"item": pointer.item_id, "target": pointer.target, "in": pointer.property or "text"},
            summary=f"“{pointer.title}” points in {where} at {named}.",
            evidence=evidence(
                sentence=f"No text in force has the key {pointer.target}."
                + (f" {successor} took its place." if successor else ""),
                passages=[_excerpt(pointer)],
                target=pointer.target,
                successor=successor,
            ),
            basis={"target": pointer.target, "retired": target is not None},
            item_id=pointer.item_id,
            other_item_ids=(target.item_id,) if target is not None else (),
            size=MISSING if target is None else RETIRED,
            proposal=_redirected(pointer, successor) if successor else None,
        )


def _superseded(pointer: _Pointer, target: _Target) -> FindingDraft:
    return FindingDraft(
        cause={"item": pointer.item_id, "superseded_by": pointer.target},
        summary=f"“{pointer.title}” was superseded by “{target.title}” and is still in force.",
        evidence=evidence(
            sentence=f"It names {pointer.target} as what guides instead, yet agents are still given it.",
            passages=[_excerpt(pointer)],
            target=pointer.target,
        ),
        basis={"target": pointer.target},
        item_id=pointer.item_id,
        other_item_ids=(target.item_id,),
        size=SUPERSEDED,
        proposal=Proposal(key=pointer.key, reason=f"It was superseded by {pointer.target}.", retire=True),
    )


def _redirected(pointer: _Pointer, successor: str) -> Proposal:
    reason = f"{pointer.target} was retired; {successor} took its place."
    if pointer.property:
        return Proposal(key=pointer.key, reason=reason, data={pointer.property: successor})
    return Proposal(key=pointer.key, reason=reason, replacements=((pointer.target, successor),))


def _excerpt(pointer: _Pointer) -> Excerpt:
    if pointer.property:
        text = f"{pointer.property}: {pointer.target}"
        return Excerpt(
            key=pointer.key,
            title=pointer.title,
            version=pointer.version,
            text=text,
            marks=((len(pointer.property) + 2, len(text)),),
        )
    begin, end = max(0, pointer.start - AROUND), min(len(pointer.body), pointer.end + AROUND)
    return Excerpt(
        key=pointer.key,
        title=pointer.title,
        version=pointer.version,
        text=pointer.body[begin:end],
        marks=((pointer.start - begin, pointer.end - begin),),
    )


DETECTOR = Detector(
    name="references",
    question="Which texts point at something that is no longer there?",
    scope=Scope.ITEMS,
    detect=detect,
    neighbours=neighbours,
)
