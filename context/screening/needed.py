"""Tells at once that a text cannot hold what a rule looks for, by words that all of it holds; must not find anything.

A rule's expression tries every place of a text; to look for a word takes a hundredth of that. A rule names groups of
words: of each group one must occur, in small letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

Groups = Sequence[Sequence[str]]
# Letters that expressions take for `i`, `s` and `k` where case does not count, and `str.lower` does not.
_LIKE_ASCII = str.maketrans({"İ": "i", "ı": "i", "ſ": "s", "\u212a": "k"})


def folded(text: str) -> str:
    """The text as the words of a rule are looked for in it."""
    return (text if text.isascii() else text.translate(_LIKE_ASCII)).lower()


def may_hold(text: str, groups: Groups) -> bool:
    return all(any(word in text for word in group) for group in groups)


def joined(*parts: Sequence[str]) -> tuple[str, ...]:
    """Every way to say one of each part after the other."""
    return tuple("".join(chosen) for chosen in product(*parts))
