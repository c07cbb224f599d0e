"""Finds all pairs of near vectors among very many, by sign-hash buckets and an exact check; must not read any text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import acos, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
Signs = NDArray[np.bool_]
Bits = NDArray[np.uint64]

SIGNS = 512  # random directions; on which side of each a vector lies is one bit of its hash
EXACT_BELOW = 12_000  # so few vectors are compared each with each: nothing is missed
ROWS_AT_ONCE = 4_096
PAIRS_AT_ONCE = 1 << 18
COSINES_AT_ONCE = 1 << 25
MOST_SHIFTS = 64  # of a bucket, how many neighbours in order of their hashes each vector is compared with
MOST_PAIRS = 1_000_000
BITS_AT_ONCE = 1 << 21
SIEVE_WORDS = 3  # of 64 bits, by which most of very many pairs are told apart before all bits are counted
SEED = b"directions of sketches, 1"  # the same vectors give the same pairs, and the same sketches for ever
# A pair is looked at exactly where its hashes differ by no more than the expected bits and this many deviations.
DEVIATIONS = 4.0
# Between sketches that are kept: of pairs exactly as near as asked for, fewer than one in a million is overlooked.
SKETCH_DEVIATIONS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class NearPairs:
    """Rows of pairs, the smaller first, in order, with their cosines. `cut` says that there were more than are told."""

    first: Rows
    second: Rows
    cosine: Vectors
    cut: bool = False


def near_pairs(vectors: Vectors, *, least: float, signs: Signs | None = None) -> NearPairs:
    """All pairs of rows (unit vectors) whose cosine is at least `least`, but for the few that hashing misses.

    `signs` are those of `signs_of(vectors)`, where they are known.

    A table puts vectors that share some of their bits into one bucket; those with more bits in common than chance
    allows are compared. A pair exactly at `least` is missed with the chance (1 - p ** bits) ** tables, where p is
    1 - acos(least) / pi: .002 at .95, .06 at .80. Needs about the memory of the vectors again.
    """
    if len(vectors) < EXACT_BELOW:
        return _joined(list(_each_with_each(vectors, least)))
    signs = signs_of(vectors) if signs is None else signs
    packed = bits_of(signs)
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
        _exactly(vectors, vectors, part // len(vectors), part % len(vectors), least)
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


def signs_of(vectors: Vectors) -> Signs:
    """For each vector, on which side of each of 512 random directions it lies."""
    directions = _directions(vectors.shape[1])
    signs = np.empty((len(vectors), SIGNS), dtype=np.bool_)
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        np.greater(vectors[start : start + ROWS_AT_ONCE] @ directions, 0, out=signs[start : start + ROWS_AT_ONCE])
    return signs


def bits_of(signs: Signs) -> Bits:
    """The same as eight words of 64 bits: the sketch of each vector."""
    return np.packbits(signs, axis=1).view(np.uint64)


def perhaps_near(queries: Bits, among: Bits, *, least: float) -> tuple[Rows, Rows]:
    """Rows of `queries` and `among` whose sketches are so alike that their cosine may be `least`.

    Two vectors lie on different sides of a random direction with the chance acos(cosine) / pi, whatever they are.
    """
    sieve = _most_apart(least, bits=SIEVE_WORDS * 64, deviations=SKETCH_DEVIATIONS)
    most = _most_apart(least, deviations=SKETCH_DEVIATIONS)
    columns = [np.ascontiguousarray(among[:, word]) for word in range(SIEVE_WORDS)]
    found: list[tuple[Rows, Rows]] = []
    rows = max(1, BITS_AT_ONCE // max(1, len(among)))
    for start in range(0, len(queries), rows):
        block = queries[start : start + rows]
        apart = np.bitwise_count(block[:, 0, None] ^ columns[0])
        for word in range(1, SIEVE_WORDS):
            apart += np.bitwise_count(block[:, word, None] ^ columns[word])
        # Of a few in a thousand, found one after the other: much faster than by rows and columns.
        one, other = np.divmod(np.flatnonzero(apart.ravel() <= sieve), len(among))
        near = np.bitwise_count(block[one] ^ among[other]).sum(axis=1, dtype=np.int64) <= most
        found.append((one[near] + start, other[near]))
    if not found:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing
    return np.concatenate([one for one, _ in found]), np.concatenate([other for _, other in found])


def exactly(queries: Vectors, vectors: Vectors, pairs: tuple[Rows, Rows], *, least: float) -> NearPairs:
    """Those of the pairs (row of `queries`, row of `vectors`) that are so near."""
    return _joined(
        [
            _exactly(
                queries, vectors, pairs[0][part : part + PAIRS_AT_ONCE], pairs[1][part : part + PAIRS_AT_ONCE], least
            )
            for part in range(0, len(pairs[0]), PAIRS_AT_ONCE)
        ]
    )


Part = tuple[Rows, Rows, Vectors]


@cache
def _directions(dimensions: int) -> Vectors:
    """Normally distributed, out of a hash: they must not change with a library, as sketches of them are kept."""
    count = dimensions * SIGNS
    drawn = np.frombuffer(hashlib.shake_256(SEED).digest(8 * count), dtype="<u4").astype(np.float64)
    one, other = (drawn[:count] + 1) / 2**32, drawn[count:] / 2**32
    normal: Vectors = (np.sqrt(-2 * np.log(one)) * np.cos(2 * pi * other)).astype(np.float32)
    return normal.reshape(dimensions, SIGNS)


def _in_one_bucket(signs: Signs, table: int, bits: int) -> Iterator[tuple[Rows, Rows]]:
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


def _alike(packed: Bits, first: Rows, second: Rows, most_apart: int) -> tuple[Rows, Rows]:
    near = np.empty(len(first), dtype=np.bool_)
    for start in range(0, len(first), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        apart = np.bitwise_count(packed[first[part]] ^ packed[second[part]]).sum(axis=1, dtype=np.int64)
        near[part] = apart <= most_apart
    return first[near], second[near]


def _most_apart(least: float, *, bits: int = SIGNS, deviations: float = DEVIATIONS) -> int:
    chance = acos(min(1.0, max(-1.0, least))) / pi
    return int(bits * chance + deviations * sqrt(bits * chance * (1 - chance))) + 1


def _exactly(queries: Vectors, vectors: Vectors, first: Rows, second: Rows, least: float) -> Part:
    cosines = np.einsum("ij,ij->i", queries[first], vectors[second])
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
