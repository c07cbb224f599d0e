"""Finds the runs of words in which two passages differ, within a bounded effort; must not judge them."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from context.material.passages import Passage, Word

# Matching words is quadratic at worst; beyond this, what lies between the common ends counts as one difference.
WORDS_MATCHED = 1500


@dataclass(frozen=True, slots=True)
class Hunk:
    """Words of the old passage that gave way to words of the new; either may be none."""

    old: tuple[Word, ...]
    new: tuple[Word, ...]
    old_from: int
    new_from: int


def hunks_between(old: Passage, new: Passage) -> list[Hunk]:
    """The differences of two passages in words, in order."""
    if old.key == new.key:
        return []
    a, b = old.key, new.key
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    middle_a, middle_b = a[head : len(a) - tail], b[head : len(b) - tail]
    if len(middle_a) > WORDS_MATCHED or len(middle_b) > WORDS_MATCHED:
        codes = [("replace", 0, len(middle_a), 0, len(middle_b))]
    else:
        codes = list(SequenceMatcher(None, middle_a, middle_b, autojunk=False).get_opcodes())
    return [
        Hunk(
            old=old.words[head + i1 : head + i2],
            new=new.words[head + j1 : head + j2],
            old_from=head + i1,
            new_from=head + j1,
        )
        for tag, i1, i2, j1, j2 in codes
        if tag != "equal"
    ]
