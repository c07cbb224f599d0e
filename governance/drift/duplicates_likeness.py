"""How much two passages are the same, word by word, and whether they differ in substance; must not read rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from context.material import judge

MOST_WORDS = 800  # of a passage that is aligned; beyond, only the words themselves are compared
_WORD = re.compile(r"[^\W_]+")
_PARAGRAPH = re.compile(r"[^\n](?:.|\n(?!\s*\n))*")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """`text[start:end]` and its words in lower case."""

    start: int
    end: int
    words: tuple[str, ...]


def words_of(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))


def paragraphs_of(text: str, *, fewest_words: int) -> Iterator[Paragraph]:
    """The paragraphs with at least so many words; headings and lists count as they stand between blank lines."""
    for match in _PARAGRAPH.finditer(text):
        words = words_of(match[0])
        if len(words) >= fewest_words:
            yield Paragraph(match.start(), match.end(), words)


def likeness(one: Sequence[str], other: Sequence[str], *, least: float) -> float:
    """From 0 to 1: the share of words that both have in the same order. Below `least` it may tell 0 at once."""
    if tuple(one) == tuple(other):
        return 1.0
    shared = (Counter(one) & Counter(other)).total()
    whole = len(one) + len(other)
    if not whole or 2 * shared < least * whole:
        return 0.0
    if max(len(one), len(other)) > MOST_WORDS:
        return 2 * shared / whole
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def why_other(old: str, new: str) -> str:
    """Why the second text says something else than the first, in a sentence; "" where only the wording differs."""
    change = judge(old, new)
    return change.why or "It says something else." if change.material else ""
