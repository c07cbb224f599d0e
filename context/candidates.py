"""The statements that find the items which requirements name; must not judge whether they will do (availability.py)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from context.requirements import MOST_PER_REQUIREMENT, GapCode, Requirement
from context.visibility import visible, was_permitted

# Beyond what is asked for, so many more are looked at: to take the place of faulty ones, and to tell of them.
MOST_FAULTS_LOOKED_AT = 20


class Candidate(NamedTuple):
    """A row of the statements: an item that a requirement names, with its version in force at the moment, if any."""

    at: datetime
    ordinal: int
    item_id: int
    key: str
    kind: str
    sensitivity: int
    owner_id: int | None
    retired_at: datetime | None
    verified_at: datetime | None
    verified_until: datetime | None
    contradicted: bool
    ended_at: datetime | None
    begins_at: datetime | None
    version_id: int | None
    number: int
    digest: str
    title: str
    published_at: datetime
    valid_to: datetime | None
    superseded_at: datetime | None
    # Steps of relations away from an item that the requirement itself names.
    distance: int = 0
    # Why governance keeps it from who demands verified context, if it does: the gap to tell.
    held: GapCode | None = None


_IN_FORCE = """version.published_at <= moment.at AND version.valid_from <= moment.at
        AND (version.valid_to IS NULL OR version.valid_to > moment.at)
        AND (version.superseded_at IS NULL OR version.superseded_at > moment.at)"""

_COLUMNS = """moment.at, {ordinal}, item.id, item.key,
    (SELECT slug FROM context_kind WHERE id = item.kind_id), item.sensitivity, item.owner_id, item.retired_at,
    {verified_at}, {verified_until},
    version.id IS NOT NULL AND ({conflicting}),
    CASE WHEN version.id IS NULL THEN (
        SELECT max(least(version.valid_to, version.superseded_at, moment.at)) FROM context_contextversion version
        WHERE version.item_id = item.id AND version.published_at <= moment.at AND version.valid_from <= moment.at
        {permitted}
    ) END,
    CASE WHEN version.id IS NULL THEN (
        SELECT min(version.valid_from) FROM context_contextversion version
        WHERE version.item_id = item.id AND version.published_at <= moment.at AND version.valid_from > moment.at
        AND (version.superseded_at IS NULL OR version.superseded_at > moment.at) {permitted}
    ) END,
    version.id, version.number, version.digest, version.title, version.published_at, version.valid_to,
    version.superseded_at, {distance}, {held}"""

_VERSION = f"""LEFT JOIN LATERAL (
    SELECT version.* FROM context_contextversion version
    WHERE version.item_id = item.id AND {_IN_FORCE} {{permitted}}
    ORDER BY version.number DESC LIMIT 1
) version ON item.retired_at IS NULL OR item.retired_at > moment.at"""

_OTHER_IN_FORCE = f"""EXISTS (
        SELECT FROM context_contextversion version WHERE version.item_id = other.id AND {_IN_FORCE}
    )"""

# Two texts in force that an approved relation says conflict: only where the reader may know both.
_CONFLICTING_NOW = f"""EXISTS (
        SELECT FROM context_relation relation JOIN context_contextitem other ON other.id = relation.target_id
        WHERE relation.source_id = item.id AND relation.type = 'conflicts_with'
        AND {visible("other")} AND {_OTHER_IN_FORCE}
    ) OR EXISTS (
        SELECT FROM context_relation relation JOIN context_contextitem other ON other.id = relation.source_id
        WHERE relation.target_id = item.id AND relation.type = 'conflicts_with'
        AND {visible("other")} AND {_OTHER_IN_FORCE}
    )"""
# Relations are versioned with their source alone, so the past knows only what this text itself said. OFFSET 0 keeps the
# planner from judging every item there is, to join it with the few relations that it takes for a hundred.
_CONFLICTING_THEN = f"""EXISTS (
        SELECT FROM jsonb_array_elements(coalesce(version.metadata -> 'relations', '[]')) relation
        WHERE relation ->> 'type' = 'conflicts_with' AND EXISTS (
            SELECT FROM context_contextitem other
            WHERE other.key = relation ->> 'key' AND {visible("other")} AND {_OTHER_IN_FORCE} OFFSET 0
        )
    )"""
# The last verification until then; of what none is noted, a text counts as verified for its interval.
_VERIFIED_THEN = """(
        SELECT verification.{column} FROM context_verification verification
        WHERE verification.item_id = item.id AND verification.verified_at <= moment.at
        ORDER BY verification.verified_at DESC, verification.id DESC LIMIT 1
    )"""
_VERIFIED_UNTIL_THEN = f"""coalesce({_VERIFIED_THEN.format(column="verified_until")},
        version.published_at + (version.metadata ->> 'review_interval_days')::int * interval '1 day')"""


def _columns(*, ordinal: str, as_of: bool, distance: str = "0") -> str:
    return _COLUMNS.format(
        ordinal=ordinal,
        distance=distance,
        # Holds are the present: of the past it is not known what was held back.
        held="NULL::text" if as_of else "(SELECT min(code) FROM context_hold WHERE item_id = item.id)",
        verified_at=_VERIFIED_THEN.format(column="verified_at")
        if as_of
        else "CASE WHEN item.verified_at <= moment.at THEN item.verified_at END",
        verified_until=_VERIFIED_UNTIL_THEN if as_of else "item.verified_until",
        conflicting=_CONFLICTING_THEN if as_of else _CONFLICTING_NOW,
        permitted=_permitted(as_of),
    )


def _permitted(as_of: bool) -> str:
    """Of now, the item's row says it of the current version; what is in force until a planned one says it itself."""
    condition = was_permitted("item", "version")
    return f"AND {condition}" if as_of else f"AND (version.id = item.current_version_id OR {condition})"


@lru_cache(maxsize=4)
def statement_by_key(*, as_of: bool) -> str:
    """Candidates for requirements by key; at least one row, for its moment. Takes at, keys and `reader(…)`."""
    return f"""
WITH moment AS (SELECT coalesce(%(at)s::timestamptz, statement_timestamp()) AS at)
SELECT {_columns(ordinal="0", as_of=as_of)}
FROM moment
LEFT JOIN context_contextitem item ON item.key = ANY (%(keys)s::text[]) AND {visible("item")}
{_VERSION.format(permitted=_permitted(as_of))}
"""


def selection(requirements: Sequence[tuple[int, Requirement]], *, as_of: bool) -> tuple[str, dict[str, Any]]:
    """One statement for all requirements by kind, domain or tag, and its parameters beside at and `reader(…)`."""
    shapes: list[tuple[bool, bool, bool]] = []
    values: dict[str, Any] = {}
    for place, (ordinal, each) in enumerate(requirements):
        shapes.append((each.kind is not None, each.domain is not None, each.tag is not None))
        values |= {
            f"ordinal_{place}": ordinal,
            f"kind_{place}": each.kind,
            f"domain_{place}": each.domain,
            f"tag_{place}": each.tag,
            f"most_{place}": min(each.at_most, MOST_PER_REQUIREMENT) + MOST_FAULTS_LOOKED_AT,
        }
    return _selection(tuple(shapes), as_of), values


@lru_cache(maxsize=256)
def _selection(shapes: tuple[tuple[bool, bool, bool], ...], as_of: bool) -> str:
    parts = []
    for place, (by_kind, by_domain, by_tag) in enumerate(shapes):
        conditions = [visible("item")]
        if by_kind:
            conditions.append(f"item.kind_id = (SELECT id FROM context_kind WHERE slug = %(kind_{place})s::text)")
        if by_domain:
            conditions.append(f"""item.domain_id IN (
    WITH RECURSIVE reach (id) AS (
        SELECT id FROM context_domain WHERE slug = %(domain_{place})s::text
        UNION SELECT below.id FROM context_domain below JOIN reach ON below.parent_id = reach.id
    ) SELECT id FROM reach)""")
        if by_tag:
            conditions.append(f"item.tags @> ARRAY[%(tag_{place})s::varchar]")
        parts.append(f"""(
SELECT {_columns(ordinal=f"%(ordinal_{place})s::int", as_of=as_of)}
FROM moment CROSS JOIN context_contextitem item
{_VERSION.format(permitted=_permitted(as_of))}
WHERE {" AND ".join(conditions)}
ORDER BY version.id IS NULL, item.key LIMIT %(most_{place})s::int
)""")
    union = "UNION ALL".join(parts)
    return f"WITH moment AS (SELECT coalesce(%(at)s::timestamptz, statement_timestamp()) AS at)\n{union}"


@lru_cache(maxsize=2)
def statement_of_reached(*, as_of: bool) -> str:
    """What texts lead to by the relations that they state, one step further; what is hidden is not there.

    Takes at, `reader(…)`, ordinals and versions (pairs: for which requirement which text is left), follow (types by
    ordinal, as JSON), distance, and most (items looked at for each requirement).
    """
    return f"""
WITH moment AS (SELECT %(at)s::timestamptz AS at),
next AS (
    SELECT ordinal, item_id FROM (
        SELECT ordinal, item.id AS item_id, row_number() OVER (PARTITION BY ordinal ORDER BY item.key) AS place
        FROM (
            SELECT DISTINCT left_from.ordinal, relation ->> 'key' AS key
            FROM unnest(%(ordinals)s::int[], %(versions)s::bigint[]) left_from (ordinal, version_id)
            JOIN context_contextversion version ON version.id = left_from.version_id
            CROSS JOIN LATERAL jsonb_array_elements(coalesce(version.metadata -> 'relations', '[]')) relation
            WHERE (%(follow)s::jsonb -> left_from.ordinal::text) ? (relation ->> 'type')
        ) named
        JOIN context_contextitem item ON item.key = named.key AND {visible("item")}
    ) numbered WHERE place <= %(most)s::int
)
SELECT {_columns(ordinal="next.ordinal", as_of=as_of, distance="%(distance)s::int")}
FROM moment CROSS JOIN next JOIN context_contextitem item ON item.id = next.item_id
{_VERSION.format(permitted=_permitted(as_of))}
ORDER BY next.ordinal, item.key
"""
