"""The best further passages for a question, each judged again for access and force; must not rank (search.py does)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from context.access import Principal
from context.entries import Place
from context.search import Hit, search
from context.statements import rows
from context.visibility import reader, visible, was_permitted

# Hits in texts that are in the bundle already are left out, so more are asked for than are wanted.
MOST_ASKED_FOR = 60
PASSAGES_EACH = 3
LEFT_OUT = "\n\n[…]\n\n"


def matches(
    *,
    principal: Principal,
    query: str,
    limit: int,
    at: datetime,
    as_of: datetime | None,
    already: Collection[str],
) -> list[Place]:
    """At most `limit` further items with their best passages, best first, none of those `already` there.

    Passages of one item stand together, in the order of its text. One statement beside the search.
    """
    if limit <= 0 or not query.strip():
        return []
    wanted = min(PASSAGES_EACH * limit + len(already), MOST_ASKED_FOR)
    found: dict[int, list[Hit]] = {}
    for hit in search(principal=principal, query=query, limit=wanted, at=at).hits:
        if hit.key not in already:
            found.setdefault(hit.version_id, []).append(hit)
    if not found:
        return []
    statement = _STATEMENT_THEN if as_of is not None else _STATEMENT_NOW
    parameters = {**reader(principal), "at": at, "ids": list(found)}
    known = {row[0]: row for row in rows(statement, parameters)}
    return [_place(known[version_id], hits) for version_id, hits in found.items() if version_id in known][:limit]


def _place(row: tuple[Any, ...], hits: Sequence[Hit]) -> Place:
    version_id, key, kind, sensitivity, number, digest, title, published_at, valid_until = row
    best = sorted(hits[:PASSAGES_EACH], key=lambda hit: hit.ordinal)
    text = best[0].text
    for before, after in pairwise(best):
        text += ("\n\n" if after.ordinal == before.ordinal + 1 else LEFT_OUT) + after.text
    return Place(
        version_id=version_id,
        key=key,
        kind=kind,
        sensitivity=sensitivity,
        number=number,
        digest=digest,
        title=title,
        published_at=published_at,
        valid_until=valid_until,
        why="match",
        anchor=hits[0].anchor,
        heading_path=hits[0].heading_path,
        passage=text,
    )


def _statement(*, as_of: bool) -> str:
    return f"""
SELECT version.id, item.key, kind.slug, item.sensitivity, version.number, version.digest, version.title,
       version.published_at, least(version.valid_to, version.superseded_at)
FROM context_contextversion version
JOIN context_contextitem item ON item.id = version.item_id
JOIN context_kind kind ON kind.id = item.kind_id
WHERE version.id = ANY (%(ids)s::bigint[]) AND {visible("item")}
AND version.published_at <= %(at)s AND version.valid_from <= %(at)s
AND (version.valid_to IS NULL OR version.valid_to > %(at)s)
AND (version.superseded_at IS NULL OR version.superseded_at > %(at)s)
{f"AND {was_permitted('item', 'version')}" if as_of else ""}
"""


_STATEMENT_NOW, _STATEMENT_THEN = _statement(as_of=False), _statement(as_of=True)
