"""Word lists written as running text, so that they can be read; must not hold any."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    """The words of `text`, in order."""
    return tuple(text.split())


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


def phrases(text: str) -> tuple[str, ...]:
    """The phrases of `text`, which a bar divides."""
    return tuple(phrase.strip() for phrase in text.split("|") if phrase.strip())
