"""The words of one sentence with each quantity taken as one token; must not judge what a sentence says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from context.claims.words import Word, words_of
from context.quantities import Quantity

ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True, slots=True)
class Token:
    """One word or one quantity, with its place in the text."""

    start: int
    end: int
    lower: str
    stem: str
    quantity: Quantity | None = None

    @property
    def key(self) -> object:
        """What two tokens share that say the same."""
        return self.quantity.meaning if self.quantity is not None else self.stem

    @property
    def is_mark(self) -> bool:
        return self.quantity is None and not self.lower[:1].isalnum()


def tokens_of(text: str, start: int, end: int, quantities: Sequence[Quantity]) -> list[Token]:
    """The tokens of `text[start:end]`; `quantities` are those of the whole text, in order of place."""
    inside = [each for each in quantities if start <= each.start and each.end <= end]
    tokens: list[Token] = []
    at = 0
    for word in words_of(text, start=start, end=end):
        while at < len(inside) and inside[at].end <= word.start:
            at += 1
        if at < len(inside) and word.start < inside[at].end and inside[at].start < word.end:
            quantity = inside[at]
            if not tokens or tokens[-1].quantity is not quantity:
                tokens.append(Token(quantity.start, quantity.end, quantity.text.lower(), "#", quantity))
            continue
        tokens.append(_plain(word))
    return tokens


def _plain(word: Word) -> Token:
    return Token(word.start, word.end, word.lower, word.stem)
