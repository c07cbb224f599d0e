"""The nine built-in kinds, one JSON file each, and the check of an item's structured data against its kind's schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from context.digests import digest_of
from context.errors import DomainError

FOLDER = Path(__file__).parent
MOST_REPORTED = 20


class SchemaViolation(DomainError):
    """Structured data does not fit the kind's JSON Schema; `violations` lists each place and why."""

    type = "schema-violation"
    title = "The structured data does not fit its kind"
    status = 422


class SchemaInvalid(DomainError):
    """A kind's schema is not JSON Schema 2020-12, or leads outside itself."""

    type = "schema-invalid"
    title = "This is not a usable JSON Schema"
    status = 422


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """One place that does not fit: `field` as a dotted path from `data`, `message` in words."""

    field: str
    message: str


def built_in_kinds() -> list[dict[str, Any]]:
    """The contents of `context/kinds/<slug>.json`, by slug."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json")) if ".schema" not in path.name]


def claims_schema() -> dict[str, Any]:
    """The JSON Schema of an item's typed claims."""
    schema: dict[str, Any] = json.loads((FOLDER / "claims.schema.json").read_text("utf-8"))
    return schema


def _refuse_to_fetch(uri: str) -> Any:
    # jsonschema-rs fetches http:// and file:// references unless a retriever stops it.
    raise ValueError(f"a schema may not refer outside itself ({uri[:200]})")


@lru_cache(maxsize=256)
def _validator(digest: str, text: str) -> jsonschema_rs.Draft202012Validator:
    try:
        return jsonschema_rs.Draft202012Validator(json.loads(text), retriever=_refuse_to_fetch, validate_formats=True)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise SchemaInvalid(
            f"The schema cannot be used: {str(error).splitlines()[0][:300]}",
            field="schema",
            fix="Write JSON Schema 2020-12 that refers only to its own $defs.",
        ) from error


def check_schema(schema: Mapping[str, Any]) -> None:
    """Refuse a schema that cannot be compiled or that refers outside itself."""
    _validator(digest_of(schema), json.dumps(schema))


def violations(value: Any, schema: Mapping[str, Any], *, root: str = "data") -> list[Violation]:
    """Every place where `value` does not fit, at most 20, in the order of the schema."""
    validator = _validator(digest_of(schema), json.dumps(schema))
    found = []
    for error in validator.iter_errors(value):
        path = ".".join([root, *(str(part) for part in error.instance_path)])
        found.append(Violation(field=path, message=error.message[:300]))
        if len(found) == MOST_REPORTED:
            break
    return found


def check(value: Any, schema: Mapping[str, Any], *, root: str = "data") -> None:
    """Raise SchemaViolation, naming the first place, where `value` does not fit."""
    found = violations(value, schema, root=root)
    if found:
        raise SchemaViolation(
            f"{found[0].field}: {found[0].message}",
            field=found[0].field,
            fix="Correct the named field; the kind's schema says what it takes.",
            violations=[{"field": each.field, "message": each.message} for each in found],
        )
