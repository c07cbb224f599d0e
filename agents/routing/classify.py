"""Says of which type a task is, by declared rules alone, and reads the declared fields from it; must ask no model."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from agents.routing.conditions import matches
from agents.routing.definitions import Clue, Table, TaskField
from agents.routing.facts import LONGEST_TEXT, MOST_ELEMENTS, Value
from context.digests import LARGEST_INTEGER

LONGEST_READ = 20_000
_WORD = re.compile(r"\w+")


def fields_of(task: Any, fields: Sequence[TaskField]) -> dict[str, Value]:
    """The declared fields that the task has, with the declared type; a field of another type counts as absent."""
    found: dict[str, Value] = {}
    for declared in fields:
        value = task
        for part in declared.path:
            value = value.get(part) if isinstance(value, Mapping) else None
        fitting = _fitting(value, declared.type)
        if fitting is not None:
            found[f"field.{declared.name}"] = fitting
    return found


def task_type_of(table: Table, *, text: str, values: Mapping[str, Value]) -> str | None:
    """The first task type, in the order declared, of which a clue fits. Linear in the text that is read."""
    read = text[:LONGEST_READ]
    known = normalised(read)
    for each in table.task_types:
        if any(_fits(clue, read, known, values) for clue in each.clues):
            return each.name
    return None


def text_of(task: Any) -> str:
    """All text in a task, in order, up to what is read."""
    found: list[str] = []
    length = 0
    waiting = deque([task])
    while waiting and length < LONGEST_READ:
        part = waiting.popleft()
        if isinstance(part, str):
            found.append(part)
            length += len(part) + 1
        elif isinstance(part, Mapping):
            waiting.extendleft(reversed(list(part.values())))
        elif isinstance(part, list):
            waiting.extendleft(reversed(part))
    return " ".join(found)[:LONGEST_READ]


def normalised(text: str) -> str:
    """Words alone, folded, each between single spaces."""
    return f" {' '.join(_WORD.findall(unicodedata.normalize('NFKC', text).casefold()))} "


def _fits(clue: Clue, text: str, known: str, values: Mapping[str, Value]) -> bool:
    if clue.words:
        found = (normalised(word) in known for word in clue.words)
        return all(found) if clue.every else any(found)
    if clue.pattern:
        return matches(text, clue.pattern)
    value = values.get(f"field.{clue.field}")
    return value is not None and type(value) is not tuple and _same(value, clue.equals)


def _same(value: Value, wanted: Any) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _fitting(value: Any, kind: str) -> Value | None:
    match kind:
        case "text" if isinstance(value, str) and len(value) <= LONGEST_TEXT:
            return value
        case "truth" if isinstance(value, bool):
            return value
        case "integer" if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_INTEGER:
            return value
        case "number" if (
            isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_INTEGER
        ):
            return value
        case "set" if isinstance(value, list) and len(value) <= MOST_ELEMENTS:
            if all(isinstance(each, str) and len(each) <= LONGEST_TEXT for each in value):
                return tuple(sorted(set(value)))
    return None
