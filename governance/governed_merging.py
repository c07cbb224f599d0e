"""Merges what two people did to a governed record, field by field and entry by entry; must not guess or read rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from governance.governed import GovernedRecord, Payload
from governance.governed_diffs import entries_by_identity, place_of

Choice = Literal["mine", "theirs", "both"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordConflict:
    """One place that both changed differently; a side is None where it is not there."""

    place: str
    base: Any
    mine: Any
    theirs: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordMerge:
    """The merged payload, holding mine wherever a conflict has no choice, and what of theirs was taken over."""

    payload: Payload
    conflicts: tuple[RecordConflict, ...]
    taken_over: tuple[str, ...]


def merge_record(
    record: GovernedRecord, *, base: Payload, mine: Payload, theirs: Payload, choices: Mapping[str, Choice]
) -> RecordMerge:
    """A place that one side alone changed is taken from it; one that both changed differently goes by the choice."""
    merging = _Merging(choices)
    payload = {}
    for field in record.fields:
        sides = [entries_by_identity(record, field, side.get(field) or []) for side in (base, mine, theirs)]
        was, ours, other = sides
        if was is not None and ours is not None and other is not None and (was or ours or other):
            payload[field] = merging.entries(field, was, ours, other)
        else:
            payload[field] = merging.value((field,), base.get(field), mine.get(field), theirs.get(field))
    return RecordMerge(payload=payload, conflicts=tuple(merging.conflicts), taken_over=tuple(merging.taken))


class _Merging:
    def __init__(self, choices: Mapping[str, Choice]) -> None:
        self.choices = choices
        self.conflicts: list[RecordConflict] = []
        self.taken: list[str] = []

    def value(self, path: tuple[str, ...], base: Any, mine: Any, theirs: Any) -> Any:
        if mine == theirs or theirs == base:
            return mine
        place = place_of(path)
        if mine == base:
            self.taken.append(place)
            return theirs
        self.conflicts.append(RecordConflict(place=place, base=base, mine=mine, theirs=theirs))
        return theirs if self.choices.get(place) == "theirs" else mine

    def entries(self, field: str, base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]) -> list[Any]:
        """In their order, with what is mine alone after what it follows in mine."""
        order = list(theirs)
        before = ""
        for identity in mine:
            if identity not in order:
                order.insert(order.index(before) + 1 if before in order else 0, identity)
            before = identity
        merged = []
        for identity in order:
            was, ours, other = base.get(identity), mine.get(identity), theirs.get(identity)
            if was is not None and ours is not None and other is not None:
                names = list(dict.fromkeys([*other, *ours, *was]))
                entry = {
                    name: self.value((field, identity, name), was.get(name), ours.get(name), other.get(name))
                    for name in names
                }
                merged.append({name: value for name, value in entry.items() if value is not None})
            else:
                entry = self.value((field, identity), was, ours, other)
                merged += [entry] if entry is not None else []
        return merged
