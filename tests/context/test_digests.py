"""Canonical JSON is RFC 8785's, byte by byte, whichever way it was made; needs no database."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from context.digests import LARGEST_INTEGER, canonical, plain
from context.errors import InvalidInput

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
_NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=300)
@given(_VALUES)
def test_canonical__any_value__is_what_rfc_8785_says(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(plain(value))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"b": 1, "a": [True, None, '\x7f\x1f"\\/\u2028é']}, '{"a":[true,null,"\x7f\\u001f\\"\\\\/\u2028é"],"b":1}'),
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'),
        (1.0, "1"),
        ((1, 2), "[1,2]"),
    ],
)
def test_canonical__what_makers_of_json_do_differently__is_as_javascript_has_it(value: Any, said: str) -> None:
    assert canonical(value) == said.encode()


@pytest.mark.parametrize("value", ["\ud800", {"\ud800": 1}, LARGEST_INTEGER + 1, [-LARGEST_INTEGER - 1], float("nan")])
def test_canonical__what_has_no_canonical_form__is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="canonical JSON"):
        canonical(value)
