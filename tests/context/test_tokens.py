"""Token counts are those of the named tokenizer."""

from __future__ import annotations

import pytest

from context.errors import DomainError
from context.tokens import count_tokens


@pytest.mark.parametrize(
    ("text", "tokenizer", "tokens"),
    [
        ("hello world", "o200k_base", 2),
        ("hello world", "cl100k_base", 2),
        ("", "o200k_base", 0),
        ("antidisestablishmentarianism", "cl100k_base", 6),
    ],
)
def test_count_tokens__known_text__is_what_the_tokenizer_says(text, tokenizer, tokens):
    assert count_tokens(text, tokenizer) == tokens


def test_count_tokens__text_that_spells_a_special_token__counts_as_plain_text():
    assert count_tokens("<|endoftext|>") > 1


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\x00", "\U0010ffff"])
def test_count_tokens__what_is_no_character__is_counted_not_refused(text):
    assert count_tokens(text) >= 1


def test_count_tokens__unknown_tokenizer__names_the_choices():
    with pytest.raises(DomainError) as refusal:
        count_tokens("text", "p50k_edit")
    assert refusal.value.field == "tokenizer"
    assert "o200k_base, cl100k_base" in refusal.value.fix
