"""The passages in force and which of them are near each other, for all detectors that compare texts; must not judge."""

from __future__ import annotations

from datetime import datetime

from governance.drift.duplicates_passages import PassageVectors, read_vectors
from governance.drift.duplicates_search import NearPairs, near_pairs
from governance.drift.sharing import once


def vectors_in_force(*, at: datetime) -> PassageVectors:
    """All passages in force with their vectors; read once for all detectors of a scan."""
    return once("vectors in force", lambda: read_vectors(at=at))


def near_in_force(*, at: datetime, least: float) -> NearPairs:
    """All pairs of rows of `vectors_in_force` that are so near; what a detector before found is not sought anew."""
    held = once("near in force", dict[float, NearPairs])
    wider = max((each for each, found in held.items() if each <= least and not found.cut), default=None)
    if wider is None:
        held[least] = near_pairs(vectors_in_force(at=at).vectors, least=least)
        return held[least]
    return at_least(held[wider], least)


def at_least(found: NearPairs, least: float) -> NearPairs:
    """Those of the pairs that are so near."""
    near = found.cosine >= least
    return NearPairs(first=found.first[near], second=found.second[near], cosine=found.cosine[near], cut=found.cut)
