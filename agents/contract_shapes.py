"""The shapes of what a contract says, as JSON Schema: requirements and output checks; must not know what they name."""

from __future__ import annotations

from typing import Any

from context.models import RelationType
from context.models.domains import SLUG_PATTERN
from context.models.items import KEY_PATTERN
from context.requirements import DEEPEST, MOST_PER_REQUIREMENT

MOST_REQUIREMENTS = 200
MOST_OUTPUT_CHECKS = 100
MOST_TERMS = 500
# What one can say to be the matter with an item, or with the one that stands for it, is not followed.
FOLLOWED = tuple(value for value in RelationType.values if value not in ("conflicts_with", "replaced_by"))

_KEY = {"type": "string", "maxLength": 200, "pattern": KEY_PATTERN}
_DOMAIN = {"type": "string", "maxLength": 60, "pattern": SLUG_PATTERN}

REQUIREMENTS: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "What a task needs",
    "type": "array",
    "maxItems": MOST_REQUIREMENTS,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 200},
            "key": _KEY,
            "kind": {"type": "string", "maxLength": 40},
            "domain": _DOMAIN,
            "tag": {"type": "string", "minLength": 1, "maxLength": 60},
            "follow": {
                "type": "array",
                "minItems": 1,
                "maxItems": len(FOLLOWED),
                "uniqueItems": True,
                "items": {"enum": list(FOLLOWED)},
            },
            "depth": {"type": "integer", "minimum": 1, "maximum": DEEPEST},
            "required": {"type": "boolean"},
            "max_age_days": {"type": "integer", "minimum": 1, "maximum": 36_500},
            "must_be_verified": {"type": "boolean"},
            "minimum": {"type": "integer", "minimum": 1, "maximum": MOST_PER_REQUIREMENT},
            "at_most": {"type": "integer", "minimum": 1, "maximum": MOST_PER_REQUIREMENT},
        },
    },
}


def _check(kind: str, properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The shape of one type of output check. `if_failed` says what becomes of an output that does not pass."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["type", *required],
        "properties": {
            "type": {"const": kind},
            "name": {"type": "string", "minLength": 1, "maxLength": 200},
            "if_failed": {"enum": ["reject", "review", "warn"]},
            **properties,
        },
    }


_TERMS = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_TERMS,
    "uniqueItems": True,
    "items": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"\S"},
}
_CLAUSE = {
    "oneOf": [
        {"type": "object", "additionalProperties": False, "required": ["key"], "properties": {"key": _KEY}},
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["text"],
            "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 5_000, "pattern": r"\S"}},
        },
    ]
}
# An output's place is said as a JSON Pointer (RFC 6901).
_PLACE = {"type": "string", "maxLength": 200, "pattern": r"^(/([^/~]|~[01])*)*$"}

OUTPUT_CHECKS_BY_TYPE: dict[str, dict[str, Any]] = {
    "forbidden_terms": _check("forbidden_terms", {"terms": _TERMS}, ("terms",)),
    "deprecated_terms": _check("deprecated_terms", {"domain": _DOMAIN}),
    "required_clauses": _check(
        "required_clauses",
        {"clauses": {"type": "array", "minItems": 1, "maxItems": MOST_TERMS, "items": _CLAUSE}},
        ("clauses",),
    ),
    "numeric_limits": _check("numeric_limits", {"appetite": _KEY, "place": _PLACE}, ("appetite",)),
    "citations_required": _check(
        "citations_required",
        {"of": {"enum": ["any", "required"]}, "minimum": {"type": "integer", "minimum": 1, "maximum": 200}},
    ),
    "no_contradiction": _check("no_contradiction", {"with": {"enum": ["entries", "domain"]}}),
    # A person sees every nth output (1: each), or those with at least that figure at the place.
    "human_review": _check(
        "human_review",
        {
            "every": {"type": "integer", "minimum": 1, "maximum": 10_000},
            "place": _PLACE,
            "at_least": {"type": "number"},
        },
    ),
}
OUTPUT_CHECK_TYPES = tuple(OUTPUT_CHECKS_BY_TYPE)
