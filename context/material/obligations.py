"""What changed in what a passage demands, permits or denies: must, may, not; must not judge figures or nouns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from context.material.hunks import Hunk
from context.material.lexicon import AFTER_EMPTY_DENIAL, LONGEST_OBLIGATION, NEGATIONS, OBLIGATIONS
from context.material.model import Reason
from context.material.passages import Passage, Word

# "Will" and "may" that come or go alone seldom make or lift a rule.
# A denial in a longer run of new words belongs to a new statement.
WORDS_OF_A_CLAUSE = 10
_BINDING = frozenset({"must", "must not", "should", "should not", "need not"})


@dataclass(frozen=True, slots=True)
class Marker:
    """A phrase of obligation: its strength, and the words it spans."""

    strength: str
    first: int
    after: int


@dataclass(frozen=True, slots=True)
class Obligations:
    """The reasons, and whether one strength took the place of another."""

    reasons: tuple[Reason, ...]
    replaced: bool


def markers_in(passage: Passage) -> list[Marker]:
    found: list[Marker] = []
    i, words = 0, passage.key
    while i < len(words):
        for length in range(min(LONGEST_OBLIGATION, len(words) - i), 0, -1):
            strength = OBLIGATIONS.get(tuple(words[i : i + length]))
            if strength and not (words[i] == "may" and passage.words[i].text == "May" and length == 1 and i > 0):
                found.append(Marker(strength, i, i + length))
                i += length
                break
        else:
            i += 1
    return found


def compare_obligations(old: Passage, new: Passage, hunks: Sequence[Hunk]) -> Obligations:
    """Match the phrases of obligation by the words both passages share, then what is left within each difference."""
    before, after = markers_in(old), markers_in(new)
    to_new = _shared(old, new, hunks)
    holder = {i: marker for marker in after for i in range(marker.first, marker.after)}
    reasons: list[Reason] = []
    replaced = False
    taken: set[Marker] = set()
    left_old: list[Marker] = []
    for marker in before:
        meets = [holder[to_new[i]] for i in range(marker.first, marker.after) if to_new.get(i) in holder]
        free = [each for each in meets if each not in taken]
        if not free:
            left_old.append(marker)
            continue
        match = next((each for each in free if each.strength == marker.strength), free[0])
        taken.add(match)
        if match.strength != marker.strength:
            reasons.append(_became(marker, match, old, new))
            replaced = True
    left_new = [marker for marker in after if marker not in taken]
    for hunk in hunks:
        mine = [m for m in left_old if hunk.old_from <= m.first < hunk.old_from + len(hunk.old)]
        theirs = [m for m in left_new if hunk.new_from <= m.first < hunk.new_from + len(hunk.new)]
        same = Counter(m.strength for m in mine) & Counter(m.strength for m in theirs)
        mine, theirs = _without(mine, same), _without(theirs, same)
        for one, other in zip(mine, theirs, strict=False):
            reasons.append(_became(one, other, old, new))
            replaced = True
        paired = min(len(mine), len(theirs))
        reasons += [_alone(one, old, "gone") for one in mine[paired:] if one.strength in _BINDING]
        reasons += [_alone(other, new, "new") for other in theirs[paired:] if other.strength in _BINDING]
    return Obligations(tuple(reasons), replaced)


def compare_negations(old: Passage, new: Passage, hunks: Sequence[Hunk]) -> Obligations:
    """Words of denial that came or went, on balance over the whole passage.

    Within a whole statement that came or went they turn nothing round, so that `replaced` is false.
    """
    gone = [(word, hunk) for hunk in hunks for word in denials(hunk.old)]
    come = [(word, hunk) for hunk in hunks for word in denials(hunk.new)]
    if len(gone) == len(come):
        return Obligations((), replaced=False)
    lost = len(gone) > len(come)
    word, hunk = gone[0] if lost else come[-1]
    reason = Reason(
        aspect="negation",
        old=old.span([word]) if lost else None,
        new=None if lost else new.span([word]),
        why=f"“{word.text}” is {'gone' if lost else 'new'}.",
    )
    return Obligations((reason,), replaced=max(len(hunk.old), len(hunk.new)) <= WORDS_OF_A_CLAUSE)


def denials(words: Sequence[Word]) -> list[Word]:
    """The words that deny, but for those of turns that deny nothing: not limited to, without prejudice, not only."""
    return [
        word
        for i, word in enumerate(words)
        if word.norm in NEGATIONS and not (i + 1 < len(words) and words[i + 1].norm in AFTER_EMPTY_DENIAL)
    ]


def _shared(old: Passage, new: Passage, hunks: Sequence[Hunk]) -> dict[int, int]:
    """The place in the new passage of each word of the old that stayed."""
    shared: dict[int, int] = {}
    i = j = 0
    for hunk in hunks:
        while i < hunk.old_from:
            shared[i] = j
            i, j = i + 1, j + 1
        i, j = hunk.old_from + len(hunk.old), hunk.new_from + len(hunk.new)
    while i < len(old.words) and j < len(new.words):
        shared[i] = j
        i, j = i + 1, j + 1
    return shared


def _without(markers: Sequence[Marker], surplus: Counter[str]) -> list[Marker]:
    left = Counter(surplus)
    kept = []
    for marker in markers:
        if left[marker.strength] > 0:
            left[marker.strength] -= 1
        else:
            kept.append(marker)
    return kept


def _became(one: Marker, other: Marker, old: Passage, new: Passage) -> Reason:
    was, now = old.span(old.words[one.first : one.after]), new.span(new.words[other.first : other.after])
    return Reason(
        aspect="obligation",
        old=was,
        new=now,
        why=f"“{was.text if was else ''}” became “{now.text if now else ''}”.",
    )


def _alone(marker: Marker, passage: Passage, said: str) -> Reason:
    at = passage.span(passage.words[marker.first : marker.after])
    return Reason(
        aspect="obligation",
        old=at if said == "gone" else None,
        new=at if said == "new" else None,
        why=f"“{at.text if at else ''}” is {said}.",
    )
