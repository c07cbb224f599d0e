"""A kind's JSON Schema as form fields, and what was typed back as data; must not judge the data (the schema does)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from context.schema_controls import Control, control_for, label_for, resolve, types_of


@dataclass(kw_only=True)
class FormField:
    """One control. `name` is its place in the data, dotted: `data.limits.0.amount`."""

    name: str
    label: str
    control: Control
    value: Any = None
    help: str = ""
    required: bool = False
    options: list[tuple[str, str]] = field(default_factory=list)
    fields: list[FormField] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    step: str = ""
    item_label: str = ""

    @property
    def id(self) -> str:
        return "f-" + self.name.replace(".", "-")

    @property
    def text(self) -> str:
        """The value as it stands in a text control."""
        if self.value is None:
            return ""
        if self.control == "lines" and isinstance(self.value, list):
            return "\n".join(str(line) for line in self.value)
        if self.control == "pairs" and isinstance(self.value, dict):
            return "\n".join(f"{name}: {text}" for name, text in self.value.items())
        if self.control == "json" and not isinstance(self.value, str):
            return json.dumps(self.value, ensure_ascii=False, indent=2)
        return str(self.value)

    @property
    def all_errors(self) -> list[tuple[str, str, str]]:
        """(id, label, message) of this field and of those in it, for the summary above the form."""
        found = [(self.id, self.label, message) for message in self.errors]
        inner = [*self.fields, *(below for entry in self.entries for below in entry.fields)]
        for below in inner:
            found.extend((at, f"{self.label}: {label}", message) for at, label, message in below.all_errors)
        return found


@dataclass(kw_only=True)
class Entry:
    """One object of a list of objects."""

    name: str
    number: int
    fields: list[FormField]


def build_fields(
    schema: Mapping[str, Any],
    data: Mapping[str, Any],
    *,
    errors: Mapping[str, Sequence[str]] | None = None,
    prefix: str = "data",
) -> list[FormField]:
    """The controls for `data`, in the schema's order. `errors` maps dotted names to messages."""
    return _object_fields(schema, data, prefix, schema, errors or {})


def read_data(schema: Mapping[str, Any], posted: Mapping[str, Any], *, prefix: str = "data") -> dict[str, Any]:
    """What was typed, as data. What does not parse (a number with letters) stays the text it was, to be shown again."""
    return _read_object(schema, posted, prefix, schema)


def with_row_added(data: dict[str, Any], name: str, *, prefix: str = "data") -> dict[str, Any]:
    """`data` with one more empty object at the end of the list that `name` points at."""
    changed: dict[str, Any] = _at_list(data, _below(name, prefix), lambda rows: [*rows, {}])
    return changed


def with_row_removed(data: dict[str, Any], name: str, *, prefix: str = "data") -> dict[str, Any]:
    """`data` without the entry that `name` (`data.limits.2`) points at."""
    *path, last = _below(name, prefix)
    at = int(last) if last.isdigit() else -1
    changed: dict[str, Any] = _at_list(data, path, lambda rows: [row for i, row in enumerate(rows) if i != at])
    return changed


def join(prefix: str, name: str) -> str:
    """The dotted name of a field below `prefix`, which may be nothing."""
    return f"{prefix}.{name}" if prefix else name


def _below(name: str, prefix: str) -> list[str]:
    return name.removeprefix(prefix).strip(".").split(".")


def _at_list(data: Any, path: list[str], change: Any) -> Any:
    if not path:
        return change(data if isinstance(data, list) else [])
    head, *rest = path
    if isinstance(data, list) and head.isdigit() and int(head) < len(data):
        i = int(head)
        return [*data[:i], _at_list(data[i], rest, change), *data[i + 1 :]]
    if isinstance(data, dict):
        return {**data, head: _at_list(data.get(head), rest, change)}
    return _at_list({}, path, change) if data is None else data


def _object_fields(
    schema: Mapping[str, Any],
    data: Any,
    prefix: str,
    root: Mapping[str, Any],
    errors: Mapping[str, Sequence[str]],
) -> list[FormField]:
    required = set(schema.get("required", ()))
    values = data if isinstance(data, Mapping) else {}
    return [
        _field(name, resolve(inner, root), values.get(name), join(prefix, name), name in required, root, errors)
        for name, inner in schema.get("properties", {}).items()
    ]


def _field(
    name: str,
    schema: Mapping[str, Any],
    value: Any,
    full_name: str,
    required: bool,
    root: Mapping[str, Any],
    errors: Mapping[str, Sequence[str]],
) -> FormField:
    control = control_for(schema, root)
    made = FormField(
        name=full_name,
        label=label_for(name, schema),
        control=control,
        value=schema.get("default") if value is None and required else value,
        help=str(schema.get("description", "")),
        required=required,
        errors=list(errors.get(full_name, ())),
    )
    if control == "choice":
        made.options = _options(schema)
    elif control == "choices":
        made.options = _options(resolve(schema["items"], root))
    elif control == "number":
        made.step = "1" if types_of(schema) - {"null"} == {"integer"} else "any"
    elif control == "object":
        made.fields = _object_fields(schema, value, full_name, root, errors)
    elif control == "records":
        inner = resolve(schema["items"], root)
        made.item_label = label_for(name.removesuffix("s"), {"title": inner.get("title")}).lower()
        rows = value if isinstance(value, list) else []
        made.entries = [
            Entry(
                name=f"{full_name}.{i}",
                number=i + 1,
                fields=_object_fields(inner, row, f"{full_name}.{i}", root, errors),
            )
            for i, row in enumerate(rows)
        ]
    return made


def _options(schema: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = schema.get("x-labels", {})
    return [
        (str(option), str(names.get(option, str(option).replace("_", " "))))
        for option in schema["enum"]
        if option is not None
    ]


def _read_object(
    schema: Mapping[str, Any], posted: Mapping[str, Any], prefix: str, root: Mapping[str, Any]
) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, inner in schema.get("properties", {}).items():
        value = _read(resolve(inner, root), posted, join(prefix, name), root)
        if value is not None:
            data[name] = value
    return data


def _read(schema: Mapping[str, Any], posted: Mapping[str, Any], full_name: str, root: Mapping[str, Any]) -> Any:
    """The value typed for one field, or None where nothing was."""
    control = control_for(schema, root)
    if control == "object":
        return _read_object(schema, posted, full_name, root) or None
    if control == "records":
        inner = resolve(schema["items"], root)
        rows = [_read_object(inner, posted, f"{full_name}.{i}", root) for i in _indices(posted, full_name)]
        return rows or None
    if control == "choices":
        chosen = posted.getlist(full_name) if hasattr(posted, "getlist") else posted.get(full_name)
        return list(chosen) or None if chosen else None
    if control == "flag":
        return True if posted.get(full_name) else (False if f"{full_name}.shown" in posted else None)
    text = str(posted.get(full_name, "")).replace("\r\n", "\n").strip()
    return _parsed(control, text, schema) if text else None


def _parsed(control: Control, text: str, schema: Mapping[str, Any]) -> Any:
    if control == "number":
        return _number(text)
    if control == "choice":
        return next((option for option in schema["enum"] if str(option) == text), text)
    if control == "lines":
        return [line.strip() for line in text.split("\n") if line.strip()]
    if control == "pairs":
        pairs = (line.partition(":") for line in text.split("\n") if line.strip())
        return {name.strip(): value.strip() for name, _, value in pairs}
    if control == "json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def _number(text: str) -> Any:
    plain = text.replace(" ", "").replace(" ", "")
    try:
        return int(plain)
    except ValueError:
        pass
    try:
        value = float(plain)
    except ValueError:
        return text
    return value if value == value and value not in (float("inf"), float("-inf")) else text


def _indices(posted: Mapping[str, Any], name: str) -> list[int]:
    start = name + "."
    found = {key[len(start) :].split(".", 1)[0] for key in posted if key.startswith(start)}
    return sorted(int(index) for index in found if index.isdigit() and len(index) < 5)


def without_blanks(data: Any) -> Any:
    """`data` without the entries nobody filled in: an empty row of a list is not an object of it."""
    if isinstance(data, dict):
        kept = {name: without_blanks(value) for name, value in data.items()}
        return {name: value for name, value in kept.items() if value not in ({}, [], "", None)}
    if isinstance(data, list):
        return [value for value in (without_blanks(entry) for entry in data) if value not in ({}, [], "", None)]
    return data
