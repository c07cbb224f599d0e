"""The best further passages for a question, those of one item put together; must not rank (search.py does)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import pairwise

from context.access import Principal
from context.entries import Place
from context.search import MOST_HITS, Hit, search

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

    Passages of one item stand together, in the order of its text. One statement.
    """
    if limit <= 0 or not query.strip():
        return []
    wanted = min(PASSAGES_EACH * limit, MOST_HITS)
    answer = search(
        principal=principal,
        query=query,
        limit=wanted,
        at=at,
        past=as_of is not None,
        without=already,
        each=PASSAGES_EACH,
    )
    found: dict[int, list[Hit]] = {}
    for hit in answer.hits:
        found.setdefault(hit.version_id, []).append(hit)
    return [_place(hits) for hits in found.values()][:limit]


def _place(hits: Sequence[Hit]) -> Place:
    first = hits[0]
    best = sorted(hits, key=lambda hit: hit.ordinal)
    text = best[0].text
    for before, after in pairwise(best):
        text += ("\n\n" if after.ordinal == before.ordinal + 1 else LEFT_OUT) + after.text
    return Place(
        version_id=first.version_id,
        key=first.key,
        kind=first.kind,
        sensitivity=first.sensitivity,
        number=first.version,
        digest=first.digest,
        title=first.title,
        published_at=first.published_at,
        valid_until=first.valid_until,
        why="match",
        anchor=first.anchor,
        heading_path=first.heading_path,
        passage=text,
    )
