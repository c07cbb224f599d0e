"""A compared line shows what is there: what a browser would hide or turn round is written out. Needs no database."""

from __future__ import annotations

from html import unescape
from re import sub

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.diffs import diff_text
from context.templatetags.compared import spans


def _shown(old: str, new: str) -> str:
    return "".join(spans(row.new, "ins") for row in diff_text(old, new).rows)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Contact \u202enimda\u202c today", "‹U+202E RIGHT-TO-LEFT OVERRIDE›"),
        ("We pay\u200b in 30 days", "‹U+200B ZERO WIDTH SPACE›"),
        ("Fine.\U000e0069\U000e0067\U000e006e", "spells “ign”"),
    ],
)
def test_spans__a_character_that_nobody_sees__is_written_out(text: str, said: str) -> None:
    shown = _shown("Contact us", text)
    assert said in shown
    assert not any(character in shown for character in "\u202e\u202c\u200b\U000e0069")


@given(st.text(alphabet="ab <&é👍🏽👨", max_size=30).map(lambda text: text.replace("a👨", "👨\u200d👩")))
def test_spans__what_is_seen__reads_as_its_text(text: str) -> None:
    shown = "\n".join(spans(row.new, "ins") for row in diff_text("", text).rows)
    assert unescape(sub(r"</?ins>", "", shown)) == text


def test_spans__hidden_text_within_markup__stays_text() -> None:
    assert _shown("", "<b>\u200b</b>") == (
        '<ins>&lt;b&gt;<b class="unseen">‹U+200B ZERO WIDTH SPACE›</b>&lt;/b&gt;</ins>'
    )
