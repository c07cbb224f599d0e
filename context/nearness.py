"""Says when one text nearly repeats another, by the runs of words they share; must not look at what texts mean."""

from __future__ import annotations

import re
from functools import lru_cache

RUN = 4  # words; short enough to survive an edit here and there, long enough not to be shared by chance
ALIKE = 0.8  # of all runs of both texts
CONTAINED = 0.9  # of the runs of the shorter one
FEWEST_RUNS = 5  # what is shorter is only the same when it is the same
TEXTS_REMEMBERED = 2_048
_WORD = re.compile(r"\w+")


def nearly_repeats(text: str, other: str) -> bool:
    """Whether `text` says little or nothing that `other` does not say in the same words, in whatever case or layout."""
    mine, theirs = _runs(text), _runs(other)
    if mine == theirs:
        return bool(mine)
    if len(mine) < FEWEST_RUNS or len(theirs) < FEWEST_RUNS or mine.isdisjoint(theirs):  # as most are: cheapest first
        return False
    shared = len(mine & theirs)
    return shared >= CONTAINED * len(mine) or shared >= ALIKE * (len(mine) + len(theirs) - shared)


@lru_cache(maxsize=TEXTS_REMEMBERED)
def _runs(text: str) -> frozenset[int]:
    """Each run of words, as a number of this process."""
    words = [word.casefold() for word in _WORD.findall(text)]
    if len(words) < RUN:
        return frozenset({hash(tuple(words))}) if words else frozenset()
    return frozenset(hash(run) for run in zip(*(words[start:] for start in range(RUN)), strict=False))
