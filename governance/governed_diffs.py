"""What differs between two states of a governed record, field by field and entry by entry; must not read rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from context.diffs import FieldChange
from governance.governed import GovernedRecord, Payload
from governance.proposals import FieldDifference


def record_differences(record: GovernedRecord, before: Payload | None, after: Payload) -> list[FieldDifference]:
    """The leaves that differ, in the order of the record's fields; entries of arrays are told apart by identity."""
    return [
        FieldDifference(field=place_of(change.path), before=change.old, after=change.new)
        for change in record_changes(record, before, after)
    ]


def record_changes(record: GovernedRecord, before: Payload | None, after: Payload) -> list[FieldChange]:
    """The same with the path of each leaf, from the outside in."""
    was = before or {}
    return [
        change for name in record.fields for change in _changes(record, name, was.get(name), after.get(name), (name,))
    ]


def entries_by_identity(record: GovernedRecord, field: str, value: Any) -> dict[str, Any] | None:
    """An array of objects by what tells them apart, in order; None where it is to be taken as one value."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(e, Mapping) for e in value):
        return None
    found: dict[str, Any] = {}
    for entry in value:
        identity = record.identity(field, entry)
        if identity is None:
            return None
        place, again = identity, 2
        while place in found:  # two that are called the same are still two
            place, again = f"{identity} ({again})", again + 1
        found[place] = entry
    return found


def place_of(path: Sequence[str]) -> str:
    """`("requirements", "legal/terms", "minimum")` as `requirements[legal/terms].minimum`."""
    if len(path) < 2:
        return path[0]
    return f"{path[0]}[{path[1]}]" + "".join(f".{part}" for part in path[2:])


def path_of(place: str) -> tuple[str, ...]:
    """The path that `place_of` wrote."""
    first, bracket, rest = place.partition("[")
    if not bracket:
        return tuple(place.split("."))
    identity, _, inner = rest.rpartition("]")
    return (first, identity, *(part for part in inner.split(".") if part))


def _changes(record: GovernedRecord, field: str, old: Any, new: Any, path: tuple[str, ...]) -> Iterator[FieldChange]:
    if old == new or (_is_blank(old) and _is_blank(new)):
        return
    was, now = entries_by_identity(record, field, old or []), entries_by_identity(record, field, new or [])
    if was is not None and now is not None and (was or now):
        for identity in [*now, *(each for each in was if each not in now)]:
            yield from _leaves(was.get(identity), now.get(identity), (*path, identity))
        kept_before, kept_after = [each for each in was if each in now], [each for each in now if each in was]
        if kept_before != kept_after:
            yield FieldChange(path=(*path, "order"), old=kept_before, new=kept_after)
        return
    yield from _leaves(old, new, path)


def _leaves(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[FieldChange]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*new, *(name for name in old if name not in new)]:
            yield from _leaves(old.get(name), new.get(name), (*path, str(name)))
        return
    yield FieldChange(path=path, old=old, new=new)


def _is_blank(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}
