"""Finds all pairs of near vectors among very many, by sign-hash buckets and an exact check; must not read any text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import acos, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]

SIGNS = 512  # random directions; on which side of each a vector lies is one bit of its hash
EXACT_BELOW = 12_000  # so few vectors are compared each with each: nothing is missed
ROWS_AT_ONCE = 4_096
PAIRS_AT_ONCE = 1 << 18
COSINES_AT_ONCE = 1 << 25
MOST_SHIFTS = 64  # of a bucket, how many neighbours in order of their hashes each vector is compared with
MOST_PAIRS = 1_000_000
SEED = 20_261_120  # the same vectors give the same pairs
# A pair is looked at exactly where its hashes differ by no more than the expected bits and this many deviations.
DEVIATIONS = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class NearPairs:
    """Rows of pairs, the smaller first, in order, with their cosines. `cut` says that there were more than are told."""

    first: Rows
    second: Rows
    cosine: Vectors
    cut: bool = False


def near_pairs(vectors: Vectors, *, least: float) -> NearPairs:
    """All pairs of rows (unit vectors) whose cosine is at least `least`, but for the few that hashing misses.

    A table puts vectors that share some of their bits into one bucket; those with more bits in common than chance
    allows are compared. A pair exactly at `least` is missed with the chance (1 - p ** bits) ** tables, where p is
    1 - acos(least) / pi: .002 at .95, .06 at .80. Needs about the memory of the vectors again.
    """
    if len(vectors) < EXACT_BELOW:
        return _joined(list(_each_with_each(vectors, least)))
    signs = _signs(vectors)
    packed = np.packbits(signs, axis=1).view(np.uint64)
    bits = 16 if least >= 0.9 else 12
    most_apart = _most_apart(least)
    seen: list[NDArray[np.int64]] = []
    total = 0
    for table in range(SIGNS // bits):
        candidates = [
            first * len(vectors) + second
            for first, second in _in_one_bucket(signs, table, bits)
            for first, second in [_alike(packed, first, second, most_apart)]
        ]
        seen.append(np.unique(np.concatenate(candidates)) if candidates else np.empty(0, dtype=np.int64))
        total += len(seen[-1])
        if total > MOST_PAIRS:
            break
    keys = np.unique(np.concatenate(seen))
    parts = [
        _exactly(vectors, part // len(vectors), part % len(vectors), least)
        for part in np.array_split(keys, len(keys) // PAIRS_AT_ONCE + 1)
    ]
    return _joined(parts, cut=total > MOST_PAIRS)


def near_rows(queries: Vectors, vectors: Vectors, *, least: float) -> NearPairs:
    """For each query all rows of `vectors` that are near: exact, in blocks. `first` counts queries."""
    parts = []
    rows = max(1, min(ROWS_AT_ONCE, COSINES_AT_ONCE // max(1, len(vectors))))
    for start in range(0, len(queries), rows):
        cosines = queries[start : start + rows] @ vectors.T
        i, j = np.nonzero(cosines >= least)
        parts.append((i + start, j, cosines[i, j]))
    return _joined(parts)


def nearest_of(near: NearPairs, *, most: int) -> NearPairs:
    """Of all pairs, those in which one is among the `most` nearest of the other: templates have thousands of kin."""
    kept = np.zeros(len(near.first), dtype=np.bool_)
    for side in (near.first, near.second):
        order = np.lexsort((-near.cosine, side))
        sorted_side = side[order]
        starts = np.flatnonzero(np.r_[True, sorted_side[1:] != sorted_side[:-1]]) if len(order) else order
        lengths = np.diff(np.r_[starts, len(order)])
        rank = np.arange(len(order)) - np.repeat(starts, lengths)
        kept[order[rank < most]] = True
    return NearPairs(
        first=near.first[kept],
        second=near.second[kept],
        cosine=near.cosine[kept],
        cut=near.cut or not bool(kept.all()),
    )


Part = tuple[Rows, Rows, Vectors]


def _signs(vectors: Vectors) -> NDArray[np.bool_]:
    planes = np.random.default_rng(SEED).standard_normal((vectors.shape[1], SIGNS), dtype=np.float32)
    signs = np.empty((len(vectors), SIGNS), dtype=np.bool_)
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        np.greater(vectors[start : start + ROWS_AT_ONCE] @ planes, 0, out=signs[start : start + ROWS_AT_ONCE])
    return signs


def _in_one_bucket(signs: NDArray[np.bool_], table: int, bits: int) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of rows of which the table's bits are the same: neighbours in the order of these bits and some more."""
    start = table * bits
    more = np.arange(start, start + bits + 16) % SIGNS
    weights = 1 << np.arange(bits + 16, dtype=np.int64)[::-1]
    keys = np.zeros(len(signs), dtype=np.int64)
    for place, weight in zip(more.tolist(), weights.tolist(), strict=True):
        keys += signs[:, place] * np.int64(weight)
    order = np.argsort(keys, kind="stable")
    codes = keys[order] >> 16
    for shift in range(1, MOST_SHIFTS + 1):
        same = np.flatnonzero(codes[shift:] == codes[:-shift])
        if not len(same):
            return
        one, other = order[same], order[same + shift]
        yield np.minimum(one, other), np.maximum(one, other)


def _alike(packed: NDArray[np.uint64], first: Rows, second: Rows, most_apart: int) -> tuple[Rows, Rows]:
    near = np.empty(len(first), dtype=np.bool_)
    for start in range(0, len(first), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        apart = np.bitwise_count(packed[first[part]] ^ packed[second[part]]).sum(axis=1, dtype=np.int64)
        near[part] = apart <= most_apart
    return first[near], second[near]


def _most_apart(least: float) -> int:
    chance = acos(min(1.0, max(-1.0, least))) / pi
    return int(SIGNS * chance + DEVIATIONS * sqrt(SIGNS * chance * (1 - chance))) + 1


def _exactly(vectors: Vectors, first: Rows, second: Rows, least: float) -> Part:
    cosines = np.einsum("ij,ij->i", vectors[first], vectors[second])
    near = cosines >= least
    return first[near], second[near], cosines[near]


def _each_with_each(vectors: Vectors, least: float) -> Iterator[Part]:
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        cosines = vectors[start : start + ROWS_AT_ONCE] @ vectors[start:].T
        i, j = np.nonzero(cosines >= least)
        later = j > i
        yield i[later] + start, j[later] + start, cosines[i[later], j[later]]


def _joined(parts: list[Part], *, cut: bool = False) -> NearPairs:
    if not parts:
        nothing = np.empty(0, dtype=np.int64)
        return NearPairs(first=nothing, second=nothing, cosine=np.empty(0, dtype=np.float32), cut=cut)
    first, second, cosine = (np.concatenate([part[place] for part in parts]) for place in range(3))
    return NearPairs(first=first, second=second, cosine=cosine, cut=cut)
