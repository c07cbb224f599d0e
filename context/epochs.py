"""Says since when nothing that a reader may see has changed, as a number; must not say what changed, nor to others.

The epoch is no clock: what time alone changes (a text that begins or ends) is bounded by `next_boundary`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from context.access import Principal
from context.remembered import forgotten_with_the_database
from context.statements import rows
from context.visibility import reader

EVERYTHING = "all"

# The condition that a row of context_epoch, named `moved`, is the reader's to know of. Takes `reader(…)` and subjects.
# Persons also read what they own: their epochs would have to follow each of these items, so they have none.
CONCERNS = """(
    moved.subject = ANY (%(subjects)s::text[])
    OR (
        moved.sensitivity <= %(reader_clearance)s
        AND (%(reader_domains)s::bigint[] IS NULL OR moved.domain_id = ANY (%(reader_domains)s::bigint[]))
        AND (%(reader_is_system)s OR moved.audience_ids = '{}'
             OR moved.audience_ids && %(reader_groups)s::bigint[]::integer[])
    )
)"""
_EPOCH = f"SELECT coalesce(max(moved.value), 0) FROM context_epoch moved WHERE {CONCERNS}"  # noqa: S608  our own constants
# For what is never shown: the last change of anything, which tells of hidden text as well.
CLOCK = "coalesce((SELECT max(value) FROM context_epoch), 0)"


def epoch_of(*, principal: Principal, subjects: Sequence[str] = ()) -> int:
    """The last change of what an agent (or the system) may see, and of `subjects` of upper floors. One statement.

    It rises with every publication, verification, retirement and change of rights that concerns this reader, and
    with nothing that is hidden from it.
    """
    if principal.kind == "person":
        raise ValueError("persons have no epoch: what they own is theirs to read whatever its class")
    found = rows(_EPOCH, {**reader(principal), "subjects": [EVERYTHING, *subjects]})
    return int(found[0][0])


_boundary: tuple[int, datetime | None] | None = None


def next_boundary(*, clock: int, at: datetime) -> datetime | None:
    """When a text next begins or ends to be in force after `at`; None where none does. Never shown to a reader.

    Kept for as long as `clock` (the last change of anything) stands. One statement where it is not at hand.
    """
    global _boundary
    held = _boundary
    if held is not None and held[0] == clock and (held[1] is None or held[1] > at):
        return held[1]
    found: datetime | None = rows("SELECT plumbline_next_boundary(%(at)s)", {"at": at})[0][0]
    _boundary = (clock, found)
    return found


def _forget() -> None:
    global _boundary
    _boundary = None


forgotten_with_the_database(_forget)
