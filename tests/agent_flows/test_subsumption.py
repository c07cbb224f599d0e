"""Whether one schema's data fit another: proved, refuted, or said to be not provable."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.flows.schema_parts import part_at, pointer_of
from agents.flows.subsumption import compare, verdict_of
from context import kinds

CLOSED = {"type": "object", "additionalProperties": False}
FINDING = {**CLOSED, "required": ["points"], "properties": {"points": {"type": "integer", "minimum": 0, "maximum": 40}}}


def verdict(given_schema: Any, asked: Any) -> str:
    return verdict_of(compare(given_schema, asked))


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ({"type": "integer"}, {"type": "number"}),
        ({"type": "integer", "minimum": 0, "maximum": 3}, {"enum": [0, 1, 2, 3, 4]}),
        ({"type": "integer", "exclusiveMinimum": 2}, {"type": "number", "minimum": 3}),
        ({"type": "number", "multipleOf": 4}, {"type": "integer", "multipleOf": 2}),
        ({"enum": ["better", "outside"]}, {"type": "string", "maxLength": 7}),
        ({"enum": ["a", None]}, {"enum": [None, "b", "a"]}),
        ({"type": "boolean"}, {"enum": [True, False]}),
        (FINDING, {"type": "object"}),
        (FINDING, {**CLOSED, "properties": {"points": {"type": "number"}, "source": {"type": "string"}}}),
        ({"type": "array", "items": FINDING, "maxItems": 5}, {"type": "array", "items": {"type": "object"}}),
        ({"type": "string"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": ["string", "null"]}),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}, {"type": "number"}),
        ({"type": "string", "pattern": "^a", "title": "one"}, {"type": "string", "pattern": "^a", "title": "other"}),
        ({"type": "string", "not": {"const": ""}}, {"type": "string"}),
        (False, {"type": "string"}),
    ],
)  # fmt: skip
def test_compare__all_that_is_given_is_taken__fits(sent: Any, asked: Any) -> None:
    assert compare(sent, asked) == []


@pytest.mark.parametrize(
    ("sent", "asked", "place"),
    [
        ({"type": "number"}, {"type": "integer"}, ""),
        ({"type": ["string", "null"]}, {"type": "string"}, ""),
        (True, {"type": "string"}, ""),
        ({"type": "string"}, False, ""),
        ({"type": "string", "maxLength": 200}, {"type": "string", "maxLength": 100}, ""),
        ({"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 0, "maximum": 100}, ""),
        ({"type": "integer"}, {"type": "integer", "multipleOf": 5}, ""),
        ({"enum": ["better", "fallback"]}, {"enum": ["better", "outside"]}, ""),
        ({"type": "object", "properties": {"points": {"type": "integer"}}}, FINDING, "/points"),
        ({**FINDING, "additionalProperties": True}, FINDING, ""),
        ({"type": "array"}, {"type": "array", "items": {"type": "string"}}, "/*"),
        ({"type": "array", "items": FINDING}, {"items": {**FINDING, "required": ["source"]}}, "/*/source"),
        ({"type": "array"}, {"type": "array", "uniqueItems": True}, ""),
    ],
)  # fmt: skip
def test_compare__something_given_is_not_taken__says_where(sent: Any, asked: Any, place: str) -> None:
    found = [each for each in compare(sent, asked) if each.verdict == "does_not_fit"]
    assert place in [each.place for each in found]


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ({"type": "string"}, {"type": "string", "pattern": "^[a-z]+$"}),
        ({"type": "string"}, {"type": "string", "not": {"const": "x"}}),
        ({"type": "string"}, {"oneOf": [{"maxLength": 3}, {"minLength": 4}]}),
        ({"type": "string", "pattern": "^.{3}$"}, {"type": "string", "maxLength": 3}),
        ({"type": "string"}, {"anyOf": [{"maxLength": 3}, {"minLength": 4}]}),
        ({"type": "object", "patternProperties": {"^a": True}, "additionalProperties": False}, CLOSED),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, {"type": "string"}),
        ({"allOf": [{"minLength": 1}], "type": "string"}, {"minLength": 1, "maxLength": 9}),
    ],
)  # fmt: skip
def test_compare__beyond_what_is_decided__is_not_passed_silently(sent: Any, asked: Any) -> None:
    assert verdict(sent, asked) == "not_provable"


def test_part_at__a_field_that_may_be_missing__is_not_always_there() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": FINDING, "b": {"type": "array", "items": FINDING}},
    }
    assert part_at(schema, pointer_of("/a/points")) == (FINDING["properties"]["points"], True)
    assert part_at(schema, pointer_of("/b/0/points")) == (FINDING["properties"]["points"], False)
    assert part_at(schema, pointer_of("/a/none")) == (False, False)


def _schemas() -> st.SearchStrategy[Any]:
    small = st.integers(-2, 3)
    size = st.integers(0, 2)
    leaves = st.one_of(
        st.booleans(),
        st.fixed_dictionaries({"type": st.sampled_from(["null", "boolean", "string", "integer", "number"])}),
        st.fixed_dictionaries({"type": st.just("integer")}, optional={"minimum": small, "maximum": small}),
        st.fixed_dictionaries(
            {"type": st.sampled_from(["number", "integer"])},
            optional={"exclusiveMinimum": small, "maximum": small, "multipleOf": st.sampled_from([1, 2, 0.5])},
        ),
        st.fixed_dictionaries({"type": st.just("string")}, optional={"minLength": size, "maxLength": size}),
        st.fixed_dictionaries({"enum": st.lists(_VALUES, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"const": _VALUES}),
    )

    def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        names = st.sampled_from(["a", "b"])
        return st.one_of(
            st.fixed_dictionaries(
                {"type": st.sampled_from(["object", ["object", "null"]])},
                optional={
                    "properties": st.dictionaries(names, inner, max_size=2),
                    "required": st.lists(names, unique=True, max_size=2),
                    "additionalProperties": inner,
                    "minProperties": size,
                    "maxProperties": size,
                    "patternProperties": st.dictionaries(st.just("^a"), inner, max_size=1),
                },
            ),
            st.fixed_dictionaries(
                {"type": st.just("array")},
                optional={
                    "items": inner,
                    "minItems": size,
                    "maxItems": size,
                    "uniqueItems": st.booleans(),
                    "prefixItems": st.lists(inner, min_size=1, max_size=1),
                },
            ),
            st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}),
            st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}),
            st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=2)}),
            st.fixed_dictionaries({"not": inner}),
        )

    return st.recursive(leaves, deeper, max_leaves=5)


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 4), st.sampled_from([0.5, -1.5, "", "a", "bb", "ccc"])),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("abc"), inner, max_size=2)),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(sent=_schemas(), asked=_schemas(), values=st.lists(_VALUES, min_size=5, max_size=12))
def test_compare__whatever_it_proves__the_validator_agrees(sent: Any, asked: Any, values: list[Any]) -> None:
    if compare(sent, asked):
        return
    one, other = ({"allOf": [each]} for each in (sent, asked))
    for value in values:
        assert kinds.violations(value, one) or not kinds.violations(value, other), value
