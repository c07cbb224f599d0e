"""Counts tokens the way the model that will read a text counts them, offline; must not cut or change text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import splintr

from context.errors import DomainError

DEFAULT_TOKENIZER = "o200k_base"
TOKENIZERS = ("o200k_base", "cl100k_base")


class UnknownTokenizer(DomainError):
    """A contract or request names a tokenizer that does not travel with this installation."""

    type = "unknown-tokenizer"
    title = "Unknown tokenizer"
    status = 422


def count_tokens(text: str, tokenizer: str = DEFAULT_TOKENIZER) -> int:
    """Return how many tokens `text` costs. Text that spells a special token counts as the plain text it is."""
    encode = _encoder(tokenizer)
    try:
        return len(encode(text))
    except UnicodeEncodeError:  # a lone surrogate: count what would be sent in its place
        return len(encode(text.encode("utf-8", "replace").decode("utf-8")))


@cache
def _encoder(tokenizer: str) -> Callable[[str], list[int]]:
    if tokenizer not in TOKENIZERS:
        raise UnknownTokenizer(
            f"There is no tokenizer named {tokenizer[:80]!r} here.",
            field="tokenizer",
            limit=", ".join(TOKENIZERS),
            fix=f"Choose one of {', '.join(TOKENIZERS)}.",
        )
    # encode_ordinary: a text that contains "<|endoftext|>" must not be counted as one special token.
    return splintr.Tokenizer.from_pretrained(tokenizer).encode_ordinary
