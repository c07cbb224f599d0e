"""Two texts nearly repeat each other when they share their runs of words, never merely because of what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.nearness import nearly_repeats

CLAUSE = (
    "Either party may end this agreement on thirty days' written notice. Notice takes effect when it is received, "
    "and fees that were paid in advance are returned in proportion to the time that is left of the current term."
)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (CLAUSE, CLAUSE),
        (CLAUSE, CLAUSE.upper().replace(" ", "\n\n")),
        (CLAUSE, f"# Ending it\n\n{CLAUSE}\n\nThe address for notices stands in the annex, which may change."),
        (CLAUSE.replace("current term", "present term"), CLAUSE),
        ("Ask Legal.", "ask legal"),
    ],
    ids=["the same", "another layout", "contained in a longer one", "one word changed", "short and the same"],
)
def test_nearly_repeats__says_nothing_more__yes(text: str, other: str) -> None:
    assert nearly_repeats(text, other)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (f"{CLAUSE}\n\nThe address for notices stands in the annex, which may change, and so may the person.", CLAUSE),
        ("The cap is 50,000 euros.", "The cap is 80,000 euros."),
        ("", ""),
        ("Ask Legal.", "Ask Legal first."),
        (CLAUSE, "Thirty days before it ends, both sides may write to each other about what is left of the fees."),
        (" ".join(reversed(CLAUSE.split())), CLAUSE),
        ("Ask the legal desk first.", f"Ask the legal desk first. {CLAUSE}"),
    ],
    ids=[
        "says more",
        "another number",
        "nothing",
        "short and longer",
        "like it in other words",
        "the same words backwards",
        "a few words",
    ],
)
def test_nearly_repeats__says_something_else__no(text: str, other: str) -> None:
    assert not nearly_repeats(text, other)


@given(words=st.lists(st.text("abcdefg ", min_size=1, max_size=6), min_size=1, max_size=60))
def test_nearly_repeats__any_text__repeats_itself_within_anything_longer(words: list[str]) -> None:
    text = " ".join(words)
    if text.strip():
        assert nearly_repeats(text, text)
    assert not nearly_repeats(text, "")
    assert not nearly_repeats("", text)
