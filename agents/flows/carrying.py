"""Carries values from where a flow has them to where a step takes them, and says of which schema they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agents.flows.definition import Move
from agents.flows.schema_parts import UNSAID, Schema, is_index, part_at, with_definitions

_NOTHING: Any = object()


def carry(moves: Sequence[Move], sources: Mapping[str, Any]) -> Any:
    """The value that the moves make of their sources; an empty object where there are none."""
    made: Any = {}
    for move in moves:
        value = move.value if move.source is None else value_at(sources.get(move.source, _NOTHING), move.at)
        if value is _NOTHING:
            continue
        if not move.to:
            return value
        here = made
        for name in move.to[:-1]:
            here = here.setdefault(name, {})
        here[move.to[-1]] = value
    return made


def value_at(value: Any, pointer: Sequence[str]) -> Any:
    """What lies at the pointer; a private marker where nothing does."""
    for name in pointer:
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and is_index(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return _NOTHING
    return value


def schema_of(moves: Sequence[Move], sources: Mapping[str, Sequence[Schema]]) -> Schema:
    """The schema of all that `carry` may make, where each source is of one of these schemas."""
    definitions: dict[str, Any] = {}
    tree: dict[str, Any] = {}
    whole: Schema | None = None
    for number, move in enumerate(moves):
        part, always = part_of(move, sources)
        part = _hoisted(part, f"{number}.", definitions)
        if not move.to:
            whole = part if always else {"anyOf": [part, {"const": {}}]}
            continue
        here = tree
        for name in move.to[:-1]:
            here = here.setdefault(name, {})
        here[move.to[-1]] = (part, always)
    made = whole if whole is not None else _object_of(tree)[0]
    return {**made, "$defs": definitions} if definitions and not isinstance(made, bool) else made


def part_of(move: Move, sources: Mapping[str, Sequence[Schema]]) -> tuple[Schema, bool]:
    """The schema of what one move carries, and whether it is always there. False: it is never there."""
    if move.source is None:
        return {"const": move.value}, True
    found = [part_at(schema, move.at) for schema in sources.get(move.source, (True,))]
    parts = [UNSAID if part is True else part for part, _ in found if part is not False]
    always = bool(found) and all(there for _, there in found)
    if not parts:
        return False, False
    if len(parts) == 1:
        return parts[0], always
    definitions: dict[str, Any] = {}
    either: Schema = {"anyOf": [_hoisted(part, f"{place}-", definitions) for place, part in enumerate(parts)]}
    return with_definitions(either, {"$defs": definitions}) if definitions else either, always


def _object_of(tree: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, entry in tree.items():
        properties[name], always = _object_of(entry) if isinstance(entry, dict) else entry
        if always:
            required.append(name)
    made = {"type": "object", "additionalProperties": False, "properties": properties, "required": required}
    return made, bool(required)


def _hoisted(schema: Schema, prefix: str, definitions: dict[str, Any]) -> Schema:
    """The schema with its definitions put into `definitions` under names of their own."""
    if isinstance(schema, bool):
        return schema
    own = {name: each for place in ("$defs", "definitions") for name, each in schema.get(place, {}).items()}
    if not own:
        return schema
    definitions.update({f"{prefix}{name}": _renamed(each, prefix) for name, each in own.items()})
    kept = {name: value for name, value in schema.items() if name not in ("$defs", "definitions")}
    renamed: Schema = _renamed(kept, prefix)
    return renamed


def _renamed(value: Any, prefix: str) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _reference(each, prefix) if name == "$ref" else _renamed(each, prefix) for name, each in value.items()
        }
    return [_renamed(each, prefix) for each in value] if isinstance(value, list) else value


def _reference(stated: Any, prefix: str) -> Any:
    for start in ("#/$defs/", "#/definitions/"):
        if isinstance(stated, str) and stated.startswith(start):
            return f"#/$defs/{prefix}{stated.removeprefix(start)}"
    return stated


def sources_in(moves: Iterable[Move]) -> set[str]:
    """The names of what the moves take from."""
    return {move.source for move in moves if move.source is not None}
