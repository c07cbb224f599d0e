"""What a flow is started with, as a table of fields and back; must not lose what the table cannot say.

A field keeps all that its schema says beside its type, its title and its choices. A schema that is no object of named
fields is written as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TYPES = (
    ("string", "text"),
    ("number", "a number"),
    ("integer", "a whole number"),
    ("boolean", "yes or no"),
    ("choice", "one of these"),
    ("other", "as its JSON says"),
)
SCHEMA_FIELDS = ("was", "name", "type", "title", "needed", "choices")
MOST_FIELDS = 60
_PLAIN = ("string", "number", "integer", "boolean")


def schema_rows(schema: Any) -> list[dict[str, str]] | None:
    """The fields of the schema as rows; None where it is no object of named fields."""
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        return None
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, Mapping) or not isinstance(required, list) or len(properties) > MOST_FIELDS:
        return None
    if set(map(str, required)) - set(properties):
        return None
    return [_row(name, stated, name in required) for name, stated in properties.items()]


def schema_in(
    rows: Sequence[Mapping[str, str]], base: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The base with the fields that the rows name, and by their places what of the rows cannot be."""
    before = base.get("properties", {})
    properties: dict[str, Any] = {}
    faults: dict[str, list[str]] = {}
    for place, row in enumerate(rows):
        name = row["name"]
        if not name:
            faults[f"input_schema.{place}"] = ["Give this field a name, or take it out."]
        elif name in properties:
            faults[f"input_schema.{place}"] = [f"Two fields are called “{name}”. Choose another name."]
        elif row["type"] == "choice" and not _choices(row["choices"]):
            faults[f"input_schema.{place}"] = ["Say what there is to choose from, with commas."]
        properties.setdefault(name, _property(row, before.get(row["was"])))
    required = [row["name"] for row in rows if row["needed"] and row["name"]]
    return {**base, "type": "object", "required": required, "properties": properties}, faults


def step_of_fields(rows: list[dict[str, str]], do: str, at: int | None) -> list[dict[str, str]]:
    """The rows with one added or taken out, as the button asks; a row that says nothing is left out."""
    if do == "unfield" and at is not None:
        rows = [row for place, row in enumerate(rows) if place != at]
    rows = [row for row in rows if row["name"] or row["title"] or row["choices"]]
    if do == "field" and len(rows) < MOST_FIELDS:
        rows.append({**dict.fromkeys(SCHEMA_FIELDS, ""), "type": "string", "needed": "yes"})
    return rows


def _row(name: str, stated: Any, needed: bool) -> dict[str, str]:
    said = stated if isinstance(stated, Mapping) else {}
    kind = _type_of(stated)
    return {
        "was": name,
        "name": name,
        "type": kind,
        "title": str(said.get("title", "")),
        "needed": "yes" if needed else "",
        "choices": ", ".join(said["enum"]) if kind == "choice" else "",
    }


def _type_of(stated: Any) -> str:
    if not isinstance(stated, Mapping):
        return "other"
    enum = stated.get("enum")
    if enum is not None:
        words = isinstance(enum, list) and all(isinstance(each, str) and _choices(each) == [each] for each in enum)
        return "choice" if words and stated.get("type", "string") == "string" else "other"
    kind = stated.get("type")
    return kind if isinstance(kind, str) and kind in _PLAIN else "other"


def _property(row: Mapping[str, str], before: Any) -> Any:
    """What stood there with the new title and choices; of another type, only its title and its description."""
    kind = row["type"] if row["type"] in dict(TYPES) else "string"
    same = before is not None and _type_of(before) == kind
    if kind == "other" and (not same or not isinstance(before, Mapping)):
        return before if before is not None else True
    kept = dict(before) if same else {}
    if not same and isinstance(before, Mapping) and "description" in before:
        kept["description"] = before["description"]
    if row["title"]:
        kept["title"] = row["title"]
    else:
        kept.pop("title", None)
    if kind == "choice":
        kept["enum"] = _choices(row["choices"])
    elif kind != "other":
        kept["type"] = kind
    return kept


def _choices(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]
