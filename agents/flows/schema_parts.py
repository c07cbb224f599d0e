"""Finds its way in a JSON Schema: behind a reference, at a pointer, under a name; must not compare schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from context.digests import canonical

Schema = Mapping[str, Any] | bool

DEEPEST = 40
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "contentEncoding"}
    | {"contentMediaType", "contentSchema", "$schema", "$id", "$anchor", "$comment", "$defs", "definitions"}
)
# Stands where nothing is said of what is given: whether it fits is then not provable, rather than refuted.
UNSAID: Mapping[str, Any] = {"x-unsaid": True}
_CHOICES = ("anyOf", "allOf", "oneOf", "if", "not")


def pointer_of(text: str) -> tuple[str, ...]:
    """The names of a JSON pointer (RFC 6901)."""
    if not text:
        return ()
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.removeprefix("/").split("/"))


def escaped(name: str) -> str:
    """A name as it stands in a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def is_index(name: str) -> bool:
    """Whether a name in a pointer may tell an element of an array."""
    return name.isascii() and name.isdigit() and (name == "0" or not name.startswith("0")) and len(name) < 10


def resolved(schema: Schema, root: Schema) -> Schema | None:
    """The schema behind its references into `root`; None where they lead elsewhere or in a circle."""
    for _ in range(DEEPEST):
        if isinstance(schema, bool) or "$ref" not in schema:
            return schema
        if set(schema) - ANNOTATIONS - {"$ref"}:
            return None
        found = _at(root, str(schema["$ref"]))
        if found is None:
            return None
        schema = found
    return None


def part_at(schema: Schema, pointer: Sequence[str]) -> tuple[Schema, bool]:
    """The schema of what lies at a pointer, and whether it is always there. False: nothing can lie there."""
    root, always = schema, True
    for name in pointer:
        here = resolved(schema, root)
        if here is False:
            return False, False
        if here is None or here is True or any(each in here for each in _CHOICES):
            return True, False
        types = types_of(here)
        if "object" in types and not (is_index(name) and "array" in types):
            always = always and types == {"object"} and name in here.get("required", ())
            schema = property_of(here, name)
        elif "array" in types and is_index(name) and "object" not in types:
            always = always and types == {"array"} and here.get("minItems", 0) > int(name)
            schema = True if "prefixItems" in here else here.get("items", True)
        else:
            return (True, False) if types & {"object", "array"} else (False, False)
    return with_definitions(schema, root), always


def is_unsaid(schema: Schema) -> bool:
    """Whether nothing is known of such data."""
    return not isinstance(schema, bool) and "x-unsaid" in schema


def types_of(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that it may let through; `number` stands for integers, too."""
    stated = schema.get("type")
    found = set(TYPES) if stated is None else {stated} if isinstance(stated, str) else set(stated)
    if "number" in found:
        found.discard("integer")
    return found


def property_of(schema: Mapping[str, Any], name: str) -> Schema:
    """What is asked of an object's field of that name."""
    known = schema.get("properties", {})
    if name not in known and "patternProperties" in schema:
        return True
    found: Schema = known.get(name, schema.get("additionalProperties", True))
    return found


def with_definitions(schema: Schema, root: Schema) -> Schema:
    """The part of a schema with what its references into the whole lead to."""
    if isinstance(schema, bool) or isinstance(root, bool) or schema is root:
        return schema
    kept = {name: root[name] for name in ("$defs", "definitions") if name in root and name not in schema}
    return {**schema, **kept} if kept else schema


def in_short(value: Any) -> str:
    """A value for a sentence."""
    text = canonical(value).decode()
    return text if len(text) <= 40 else f"{text[:39]}…"


def _at(root: Schema, reference: str) -> Schema | None:
    if not reference.startswith("#"):
        return None
    here: Any = root
    for name in pointer_of(reference[1:]):
        if not isinstance(here, Mapping) or name not in here:
            return None
        here = here[name]
    return here if isinstance(here, Mapping | bool) else None
