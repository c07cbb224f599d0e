"""The passages in force and which of them are near each other, for all detectors that compare texts; must not judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from governance.drift.duplicates_passages import PassageVectors, read_vectors
from governance.drift.duplicates_search import NearPairs, near_pairs, near_rows
from governance.drift.sharing import once


def vectors_in_force(*, at: datetime) -> PassageVectors:
    """All passages in force with their vectors; read once for all detectors of a scan."""
    return once("vectors in force", lambda: read_vectors(at=at))


def near_in_force(*, at: datetime, least: float) -> NearPairs:
    """All pairs of rows of `vectors_in_force` that are so near; what a detector before found is not sought anew."""
    held = once("near in force", dict[float, NearPairs])
    return _widest(held, least, lambda: near_pairs(vectors_in_force(at=at).vectors, least=least))


def near_items(item_ids: Sequence[int], *, at: datetime, least: float) -> NearPairs:
    """As `near_in_force`, of pairs with a passage of these items on their first side: exact, one matrix product."""
    wanted = np.array(sorted(item_ids), dtype=np.int64)
    held = once(("near items", wanted.tobytes()), dict[float, NearPairs])

    def seek() -> NearPairs:
        force = vectors_in_force(at=at)
        rows = np.flatnonzero(np.isin(force.item_ids, wanted))
        found = near_rows(force.vectors[rows], force.vectors, least=least)
        return NearPairs(first=rows[found.first], second=found.second, cosine=found.cosine)

    return _widest(held, least, seek)


def _widest(held: dict[float, NearPairs], least: float, seek: Callable[[], NearPairs]) -> NearPairs:
    wider = max((each for each, found in held.items() if each <= least and not found.cut), default=None)
    if wider is None:
        held[least] = seek()
        return held[least]
    return at_least(held[wider], least)


def at_least(found: NearPairs, least: float) -> NearPairs:
    """Those of the pairs that are so near."""
    near = found.cosine >= least
    return NearPairs(first=found.first[near], second=found.second[near], cosine=found.cosine[near], cut=found.cut)
