"""Keeps the sketches of passages, so that a scan after a change reads no vector that cannot be near; must not judge.

A sketch is made once, of a passage that has none: by a full scan for all, else by the scan that first needs it. The
database takes it away with the vector it was made of (governance/migrations/0019), so that what is kept is right, and
what is not kept is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from governance.drift.copying import copied
from governance.drift.duplicates_passages import PassageVectors, vectors_of
from governance.drift.duplicates_search import SIGNS, Bits, bits_of, signs_of
from governance.models.sketches import SKETCH_BYTES

WRITTEN_AT_ONCE = 10_000
_HELD = "SELECT passage_id, bits FROM governance_passagesketch"
_WITH_VECTORS = "SELECT id FROM context_passage WHERE embedding IS NOT NULL"
_WRITE = """
    INSERT INTO governance_passagesketch (passage_id, bits)
    SELECT named.id, substring(%(bits)s::bytea FROM (named.place::int - 1) * %(width)s + 1 FOR %(width)s)
    FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS named (id, place)
    JOIN context_passage passage ON passage.id = named.id
    ON CONFLICT (passage_id) DO NOTHING
"""
assert SKETCH_BYTES * 8 == SIGNS


@dataclass(frozen=True, slots=True)
class Sketches:
    """Passages with vectors, whether in force or not, by rising id, and the sketch of each, row by row."""

    ids: NDArray[np.int64]
    bits: Bits


def passages_with_vectors() -> NDArray[np.int64]:
    """Their ids, rising. One statement."""
    rows = copied(_WITH_VECTORS, {}, {"id": "i8"})
    return np.sort(rows["id"].astype(np.int64))


def sketches_of(ids: NDArray[np.int64]) -> Sketches:
    """The sketches of these passages (rising); those that have none are read, made and kept."""
    held = _held()
    missing = np.setdiff1d(ids, held.ids, assume_unique=True)
    if len(missing):
        read = vectors_of(missing.tolist())
        made = Sketches(ids=read.ids, bits=bits_of(signs_of(read.vectors)))
        _keep(made)
        held = _sorted(np.concatenate([held.ids, made.ids]), np.concatenate([held.bits, made.bits]))
    chosen = np.isin(held.ids, ids, assume_unique=True)
    return Sketches(ids=held.ids[chosen], bits=held.bits[chosen])


def keep_sketches(read: PassageVectors, bits: Bits) -> None:
    """Keep the sketches of these vectors, where there is none yet."""
    known = np.isin(read.ids, _held().ids, assume_unique=True)
    _keep(Sketches(ids=read.ids[~known], bits=bits[~known]))


def _held() -> Sketches:
    rows = copied(_HELD, {}, {"id": "i8", "bits": f"bytes:{SKETCH_BYTES}"})
    return _sorted(rows["id"].astype(np.int64), np.ascontiguousarray(rows["bits"]).view(np.uint64))


def _sorted(ids: NDArray[np.int64], bits: Bits) -> Sketches:
    order = np.argsort(ids, kind="stable")
    return Sketches(ids=ids[order], bits=bits[order])


def _keep(made: Sketches) -> None:
    with connection.cursor() as cursor:
        for start in range(0, len(made.ids), WRITTEN_AT_ONCE):
            part = slice(start, start + WRITTEN_AT_ONCE)
            given = {"ids": made.ids[part].tolist(), "bits": made.bits[part].tobytes(), "width": SKETCH_BYTES}
            cursor.execute(_WRITE, given)
