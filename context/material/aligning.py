"""Pairs the passages of two texts: the same, changed, moved, split, merged, added, removed; must not judge a change."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from context.material.matching import matches
from context.material.model import Move
from context.material.passages import Passage, passage_at

# How much of the rarer words two passages must share to be one that changed.
LEAST_LIKENESS = 0.4
# A split or a merger must account for nearly all of the words.
LEAST_COVER = 0.7
# A word that stands in more passages than this says nothing about which belong together.
COMMON_IN = 40
PARTS = 6
LEAST_WORDS_OF_A_PART = 3


@dataclass(frozen=True, slots=True)
class Pairing:
    """One passage on each side (either may be missing). Parts of a split passage stand as one, end to end."""

    old: Passage | None
    new: Passage | None
    move: Move


def align(old: Sequence[Passage], new: Sequence[Passage], *, old_text: str, new_text: str) -> list[Pairing]:
    """Every passage of both texts in exactly one pairing, in the order of the new text; what went, where it stood.

    Costs one comparison of fingerprints, and for what is left a look at passages that share uncommon words.
    """
    stayed = matches([p.key for p in old], [p.key for p in new])
    partner = dict(stayed)
    moved: set[int] = set()
    _find_moved(old, new, partner, moved)
    _find_changed(old, new, partner, moved, stayed)
    joined_new, joined_old = _find_joined(old, new, partner, old_text, new_text)
    pairings: list[tuple[int, int, Pairing]] = []
    for i, j in partner.items():
        move: Move = "moved" if i in moved else "same"
        pairings.append((j, i, Pairing(joined_old.get(j, (old[i], ()))[0], joined_new.get(i, (new[j], ()))[0], move)))
        if i in joined_new:
            pairings[-1] = (j, i, Pairing(old[i], joined_new[i][0], "split"))
        elif j in joined_old:
            pairings[-1] = (j, i, Pairing(joined_old[j][0], new[j], "merged"))
    taken_old = set(partner) | {i for _, parts in joined_old.values() for i in parts}
    taken_new = set(partner.values()) | {j for _, parts in joined_new.values() for j in parts}
    pairings += [(j, -1, Pairing(None, p, "added")) for j, p in enumerate(new) if j not in taken_new]
    pairings += list(_removed(old, taken_old, partner))
    return [pairing for _, _, pairing in sorted(pairings, key=lambda entry: entry[:2])]


def _removed(old: Sequence[Passage], taken: set[int], partner: dict[int, int]) -> Iterator[tuple[int, int, Pairing]]:
    """What went stands before the next passage that stayed behind it."""
    at = -1
    for i, passage in enumerate(old):
        if i in partner:
            at = partner[i]
        elif i not in taken:
            yield at, 10**9 + i, Pairing(passage, None, "removed")


def _find_moved(old: Sequence[Passage], new: Sequence[Passage], partner: dict[int, int], moved: set[int]) -> None:
    waiting: dict[tuple[str, ...], list[int]] = defaultdict(list)
    matched = set(partner.values())
    for j in range(len(new) - 1, -1, -1):
        if j not in matched and new[j].key:
            waiting[new[j].key].append(j)
    for i, passage in enumerate(old):
        if i not in partner and waiting.get(passage.key):
            partner[i] = waiting[passage.key].pop()
            moved.add(i)


def _find_changed(
    old: Sequence[Passage],
    new: Sequence[Passage],
    partner: dict[int, int],
    moved: set[int],
    stayed: Sequence[tuple[int, int]],
) -> None:
    """The likeliest pairs among those left, best first; where two are alike, the one in its place."""
    held = set(partner.values())
    free_new = [j for j in range(len(new)) if j not in held]
    holders: dict[str, list[int]] = defaultdict(list)
    for j in free_new:
        for word in set(new[j].key):
            holders[word].append(j)
    scored: list[tuple[float, int, int, int]] = []
    expected = _expected(len(old), partner)
    in_place = {expected[i]: i for i in range(len(old)) if i not in partner}
    for i, passage in enumerate(old):
        if i in partner or not passage.key:
            continue
        votes: Counter[int] = Counter()
        for word in set(passage.key):
            if len(holders[word]) <= COMMON_IN:
                votes.update(holders[word])
        for j, _ in votes.most_common(8):
            score = likeness(passage, new[j])
            if score >= LEAST_LIKENESS:
                scored.append((-score, abs(expected[i] - j), i, j))
    for j in free_new:  # short passages of common words only: whatever stands in the same place
        at = in_place.get(j)
        if at is not None and old[at].role == new[j].role and likeness(old[at], new[j]) >= LEAST_LIKENESS:
            scored.append((-likeness(old[at], new[j]), 0, at, j))
    taken: set[int] = set()
    for _, _, i, j in sorted(scored):
        if i not in partner and j not in taken:
            partner[i] = j
            taken.add(j)
            if _crosses(i, j, stayed):
                moved.add(i)


def _expected(length: int, partner: dict[int, int]) -> list[int]:
    """Where each old passage would stand if nothing had come or gone since the last that stayed."""
    places, last_i, last_j = [], -1, -1
    for i in range(length):
        if i in partner:
            last_i, last_j = i, partner[i]
        places.append(last_j + (i - last_i))
    return places


def _crosses(i: int, j: int, stayed: Sequence[tuple[int, int]]) -> bool:
    """Whether the passage left the place between its neighbours that stayed."""
    at = bisect_left(stayed, (i, -1))
    return (at > 0 and stayed[at - 1][1] > j) or (at < len(stayed) and stayed[at][1] < j)


def likeness(old: Passage, new: Passage) -> float:
    """The share of words in common, counted with their number."""
    a, b = Counter(old.key), Counter(new.key)
    both = sum((a & b).values())
    return 2 * both / max(1, len(old.key) + len(new.key))


def _cover(part: Passage, whole: Counter[str]) -> float:
    return sum((Counter(part.key) & whole).values()) / max(1, len(part.key))


def _find_joined(
    old: Sequence[Passage], new: Sequence[Passage], partner: dict[int, int], old_text: str, new_text: str
) -> tuple[dict[int, tuple[Passage, tuple[int, ...]]], dict[int, tuple[Passage, tuple[int, ...]]]]:
    """Passages whose rest is found in a free neighbour of their partner: split by the new text, or merged by it."""
    split: dict[int, tuple[Passage, tuple[int, ...]]] = {}
    merged: dict[int, tuple[Passage, tuple[int, ...]]] = {}
    back = {j: i for i, j in partner.items()}
    for i, j in partner.items():
        if old[i].key == new[j].key:
            continue
        parts = _neighbours(old[i], new, j, back)
        if parts:
            run = (j, *parts)
            split[i] = (_joined(new, run, new_text), parts)
            continue
        parts = _neighbours(new[j], old, i, partner)
        if parts:
            run = (i, *parts)
            merged[j] = (_joined(old, run, old_text), parts)
    return split, merged


def _neighbours(whole: Passage, passages: Sequence[Passage], at: int, taken: dict[int, int]) -> tuple[int, ...]:
    """The free passages next to `at` whose words the rest of `whole` covers."""
    rest = Counter(whole.key) - Counter(passages[at].key)
    found: list[int] = []
    for step in (1, -1):
        k = at + step
        while 0 <= k < len(passages) and k not in taken and len(found) < PARTS:
            if len(passages[k].key) < LEAST_WORDS_OF_A_PART:
                break
            if _cover(passages[k], rest) < LEAST_COVER:
                break
            rest = rest - Counter(passages[k].key)
            found.append(k)
            k += step
    return tuple(found)


def _joined(passages: Sequence[Passage], places: Sequence[int], text: str) -> Passage:
    first, last = passages[min(places)], passages[max(places)]
    return passage_at(text, first.start, last.end, first.role)
