"""Whether two texts apply to the same country, time or tier by where they stand; must not read the texts."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from context.claims.lexicon import lexicon
from context.claims.phrases import content_of
from context.claims.words import words_of
from context.wordlists import word_set

# Classes whose members in a title say to whom or where all below it applies.
_SCOPING = frozenset({"country", "nationality", "continent", "month", "season", "quarter"})
TIERS = word_set(
    """gold silver bronze platinum basic standard premium enterprise starter free plus pro personal corporate retail
    wholesale junior senior intern interns temporary permanent"""
)
# A tier is one where it stands before one of these: an insurer's premium is none.
TIERED = word_set(
    """customer customers member members client clients plan plans tier account accounts user users subscriber
    subscribers subscription subscriptions package edition support staff employee employees contract contracts"""
)


def words_in(texts: Iterable[str]) -> frozenset[str]:
    """The stems of what these texts name."""
    return frozenset().union(*(content_of(words_of(text)) for text in texts))


def stand_apart(one: str, other: str) -> bool:
    """Whether two titles (or paths of headings) name different countries, times or tiers, so that what stands below
    them is no contradiction.
    """
    ours, theirs = _named(one), _named(other)
    return ours != theirs and bool(ours or theirs)


def _named(text: str) -> frozenset[str]:
    lowers = [word.lower for word in words_of(text)]
    members = lexicon().members
    found = {tier for tier, whom in pairwise(lowers) if tier in TIERS and whom in TIERED}
    for at, lower in enumerate(lowers):
        for phrase in (lower, " ".join(lowers[at : at + 2])):
            found |= {f"{name} {member}" for name, member in members.get(phrase, ()) if name in _SCOPING}
    return frozenset(found)
