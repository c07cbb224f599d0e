"""Finds the runs of words in which two passages differ, must not judge them."""

from __future__ import annotations

from dataclasses import dataclass

from context.material.matching import matches
from context.material.passages import Passage, Word


@dataclass(frozen=True, slots=True)
class Hunk:
    """Words of the old passage that gave way to words of the new; either may be none."""

    old: tuple[Word, ...]
    new: tuple[Word, ...]
    old_from: int
    new_from: int


def hunks_between(old: Passage, new: Passage) -> list[Hunk]:
    """The differences of two passages in words, in order."""
    hunks: list[Hunk] = []
    i = j = 0
    for a, b in [*matches(old.key, new.key), (len(old.key), len(new.key))]:
        if a > i or b > j:
            hunks.append(Hunk(old=old.words[i:a], new=new.words[j:b], old_from=i, new_from=j))
        i, j = a + 1, b + 1
    return hunks
