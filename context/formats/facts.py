"""Writes an item's structured data as lines that a person, a search and a model can read; must not validate it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
DEEPEST = 12


def lines_of(data: Mapping[str, Any], schema: Schema | None = None) -> list[str]:
    """One line for each fact: `Label: value`; nested facts are indented below their label. Nothing for no data."""
    return list(_lines(data, schema or {}, 0))


def _lines(value: Mapping[str, Any], schema: Schema, depth: int) -> Iterator[str]:
    properties = schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    # The schema's order is the order people are shown; what it does not know comes after, by name.
    names = [name for name in known if name in value] + sorted(name for name in value if name not in known)
    for name in names:
        part_schema = known.get(name)
        yield from _fact(label_of(name, part_schema), value[name], _as_schema(part_schema), depth)


def _fact(label: str, value: Any, schema: Schema, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if value is None or value == "" or value == [] or value == {}:
        return
    if depth >= DEEPEST:
        yield f"{indent}- {label}: {value}"
    elif isinstance(value, Mapping):
        yield f"{indent}- {label}:"
        yield from _lines(value, schema, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield from _list(label, value, _as_schema(schema.get("items")), depth)
    else:
        yield f"{indent}- {label}: {_plain(value)}"


def _list(label: str, values: Sequence[Any], schema: Schema, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if not any(isinstance(value, Mapping | list) for value in values):
        yield f"{indent}- {label}: {'; '.join(map(_plain, values))}"
        return
    for number, value in enumerate(values, start=1):
        if isinstance(value, Mapping) and all(not isinstance(part, Mapping | list) for part in value.values()):
            facts = [line.removeprefix("- ") for line in _lines(value, schema, 0)]
            yield f"{indent}- {label} {number}: {'; '.join(facts)}"
        else:
            yield from _fact(f"{label} {number}", value, schema, depth)


def label_of(name: str, schema: Any = None) -> str:
    """The title a schema gives a property, or its name as words."""
    title = schema.get("title") if isinstance(schema, Mapping) else None
    return str(title) if title else " ".join(name.replace("_", " ").split()).capitalize()


def _as_schema(value: Any) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())
