"""How a value of a kind's JSON Schema is typed in and shown; must not judge values (context/kinds does)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from context.kinds import built_in_kinds
from context.models import Kind

Control = Literal[
    "text",
    "long",
    "number",
    "date",
    "datetime",
    "choice",
    "flag",
    "lines",
    "choices",
    "pairs",
    "object",
    "records",
    "json",
]

# A string that may be longer than this gets more than one line.
LONG_TEXT = 500


def schema_of(kind: Kind) -> Mapping[str, Any]:
    """The kind's schema with its properties in the order they were written in.

    PostgreSQL keeps no order in JSON, so a built-in kind that nobody changed is taken from its file.
    """
    written = _written().get(kind.slug)
    return written if written is not None and written == kind.schema else kind.schema


@cache
def _written() -> Mapping[str, Mapping[str, Any]]:
    return {entry["slug"]: entry["schema"] for entry in built_in_kinds()}


def resolve(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema a local `$ref` points at, with what stands beside the reference laid over it."""
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    found: Any = root
    for part in reference[2:].split("/"):
        found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return {**found, **{name: value for name, value in schema.items() if name != "$ref"}}


def types_of(schema: Mapping[str, Any]) -> set[str]:
    stated = schema.get("type")
    return {stated} if isinstance(stated, str) else set(stated or ())


def control_for(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Control:
    """Which control a value of this schema is typed into; raw JSON only where nothing else fits."""
    schema = resolve(schema, root)
    types = types_of(schema) - {"null"}
    if "enum" in schema:
        return "choice"
    if types == {"boolean"}:
        return "flag"
    if types and types <= {"number", "integer"}:
        return "number"
    if types == {"string"}:
        form = schema.get("format")
        if form in ("date", "date-time"):
            return "date" if form == "date" else "datetime"
        return "long" if schema.get("maxLength", 0) > LONG_TEXT else "text"
    if types == {"array"}:
        inner = resolve(schema.get("items", {}), root)
        if "enum" in inner:
            return "choices"
        if types_of(inner) == {"string"}:
            return "lines"
        if types_of(inner) == {"object"} and inner.get("properties"):
            return "records"
    if types == {"object"}:
        if schema.get("properties"):
            return "object"
        extra = schema.get("additionalProperties")
        if isinstance(extra, Mapping) and types_of(resolve(extra, root)) == {"string"}:
            return "pairs"
    return "json"


def label_for(name: str, schema: Mapping[str, Any]) -> str:
    return str(schema.get("title") or name.replace("_", " ").capitalize())
