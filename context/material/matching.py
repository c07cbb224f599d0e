"""Which entries of two sequences stayed, in order, in near-linear time whatever repeats; must not know texts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher

# Between two anchors, sequences up to this product are matched as well as can be; above it, greedily.
MATCHED_CLOSELY = 90_000


def matches(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Pairs of places whose entries are equal, rising on both sides."""
    head = 0
    shorter = min(len(old), len(new))
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    pairs = [(n, n) for n in range(head)]
    pairs += _between(old, new, head, len(old) - tail, head, len(new) - tail)
    pairs += [(len(old) - n, len(new) - n) for n in range(tail, 0, -1)]
    return pairs


def _between(
    old: Sequence[Hashable], new: Sequence[Hashable], i1: int, i2: int, j1: int, j2: int
) -> list[tuple[int, int]]:
    if (i2 - i1) * (j2 - j1) <= MATCHED_CLOSELY:
        return _closely(old, new, i1, i2, j1, j2)
    pairs: list[tuple[int, int]] = []
    i, j = i1, j1
    for a, b in [*_anchors(old, new, i1, i2, j1, j2), (i2, j2)]:
        small = (a - i) * (b - j) <= MATCHED_CLOSELY
        pairs += (_closely if small else _greedily)(old, new, i, a, j, b)
        if a < i2:
            pairs.append((a, b))
        i, j = a + 1, b + 1
    return pairs


def _anchors(
    old: Sequence[Hashable], new: Sequence[Hashable], i1: int, i2: int, j1: int, j2: int
) -> list[tuple[int, int]]:
    """Entries that stand once on each side, as long a rising run of them as there is."""
    once_old = {key for key, n in Counter(old[i1:i2]).items() if n == 1}
    once_new = {key for key, n in Counter(new[j1:j2]).items() if n == 1}
    places = {new[j]: j for j in range(j1, j2) if new[j] in once_new}
    found = [(i, places[old[i]]) for i in range(i1, i2) if old[i] in once_old and old[i] in places]
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for n, (_, j) in enumerate(found):
        at = bisect_left(ends, j)
        before.append(last[at - 1] if at else -1)
        if at == len(ends):
            ends.append(j)
            last.append(n)
        else:
            ends[at], last[at] = j, n
    run: list[tuple[int, int]] = []
    n = last[-1] if last else -1
    while n >= 0:
        run.append(found[n])
        n = before[n]
    return run[::-1]


def _closely(
    old: Sequence[Hashable], new: Sequence[Hashable], i1: int, i2: int, j1: int, j2: int
) -> list[tuple[int, int]]:
    blocks = SequenceMatcher(None, old[i1:i2], new[j1:j2], autojunk=False).get_matching_blocks()
    return [(i1 + a + n, j1 + b + n) for a, b, size in blocks for n in range(size)]


def _greedily(
    old: Sequence[Hashable], new: Sequence[Hashable], i1: int, i2: int, j1: int, j2: int
) -> list[tuple[int, int]]:
    places: dict[Hashable, list[int]] = defaultdict(list)
    for j in range(j1, j2):
        places[new[j]].append(j)
    pairs: list[tuple[int, int]] = []
    at = j1 - 1
    for i in range(i1, i2):
        later = places.get(old[i])
        n = bisect_right(later, at) if later else 0
        if later and n < len(later):
            at = later[n]
            pairs.append((i, at))
    return pairs
