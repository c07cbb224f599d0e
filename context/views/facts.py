"""An item's structured data as facts to read, in the order and words of its kind's schema; must not judge it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from context.schema_controls import label_for, resolve

# Below this a whole number is shown as it is: it may be a year or a code.
SEPARATED_FROM = 10_000
# A few short values stand on one line.
MOST_INLINE = 8
LONGEST_INLINE = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a table of facts; numbers are aligned."""

    label: str
    numeric: bool


@dataclass(kw_only=True)
class Fact:
    """One field with its value: a `text`, a list of `lines`, a table (`columns`, `rows`) or facts within (`facts`)."""

    label: str
    text: str = ""
    lines: list[str] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    key: str = ""


def facts_of(schema: Mapping[str, Any], data: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> list[Fact]:
    """The fields that say something; those the schema does not know come last under their own names."""
    root = schema if root is None else root
    properties = schema.get("properties", {})
    names = [*(name for name in properties if name in data), *(name for name in data if name not in properties)]
    return [
        _fact(name, resolve(properties.get(name, {}), root), data[name], root)
        for name in names
        if data[name] not in (None, "", [], {})
    ]


def _fact(name: str, schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> Fact:
    label = label_for(name, schema)
    if isinstance(value, Mapping) and not _is_quantity(value):
        return Fact(label=label, facts=facts_of(schema, value, root))
    if isinstance(value, list) and value and all(isinstance(entry, Mapping) for entry in value):
        inner = resolve(schema.get("items", {}), root)
        return _table(label, inner, value)
    if isinstance(value, list):
        lines = [said(entry) for entry in value]
        short = len(lines) <= MOST_INLINE and all(len(line) <= LONGEST_INLINE for line in lines)
        return Fact(label=label, text=" · ".join(lines)) if short else Fact(label=label, lines=lines)
    # A pattern with a slash marks a key: the template links it.
    is_key = isinstance(value, str) and "/" in str(schema.get("pattern", ""))
    return Fact(label=label, text=said(value, schema), key=value if is_key else "")


def _table(label: str, schema: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> Fact:
    properties = schema.get("properties", {})
    used = [name for name in properties if any(entry.get(name) not in (None, "") for entry in entries)]
    used += sorted({name for entry in entries for name in entry if name not in properties})
    return Fact(
        label=label,
        columns=[_column(name, properties.get(name, {}), entries) for name in used],
        rows=[[said(entry.get(name), properties.get(name, {})) for name in used] for entry in entries],
    )


def _column(name: str, schema: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> Column:
    values = [entry[name] for entry in entries if entry.get(name) is not None]
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return Column(label=label_for(name, schema), numeric=numeric and bool(values))


def said(value: Any, schema: Mapping[str, Any] | None = None) -> str:
    """A plain value in words: yes and no, thousands set apart, a quantity with its unit."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:,}" if abs(value) >= SEPARATED_FROM else str(value)
    if isinstance(value, Mapping):
        if _is_quantity(value):
            return f"{said(value.get('quantity'))} {value.get('unit', '')}".strip()
        return "; ".join(f"{name}: {said(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return "; ".join(said(entry) for entry in value)
    text = str(value)
    return text.replace("_", " ") if schema and "enum" in schema else text


def _is_quantity(value: Mapping[str, Any]) -> bool:
    return "quantity" in value and set(value) <= {"quantity", "unit"}
