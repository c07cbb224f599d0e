"""Which passages in force are near each other, for all detectors that compare texts; must not judge any text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from governance.drift.duplicates_passages import PassageVectors, read_vectors
from governance.drift.duplicates_search import (
    EXACT_BELOW,
    MOST_PAIRS,
    NearPairs,
    bits_of,
    exactly,
    near_pairs,
    near_rows,
    nearest_of,
    perhaps_near,
    signs_of,
)
from governance.drift.sharing import once
from governance.drift.sketches import keep_sketches, passages_with_vectors, sketches_of
from governance.models import Finding


@dataclass(frozen=True, slots=True)
class NearPassages:
    """Pairs of passages by their ids, with the items of both."""

    pairs: NearPairs
    first_items: NDArray[np.int64]
    second_items: NDArray[np.int64]


def vectors_in_force(*, at: datetime) -> PassageVectors:
    """All passages in force with their vectors; read once for all detectors of a scan."""
    return once("vectors in force", lambda: read_vectors(at=at))


def near_in_force(*, at: datetime, least: float) -> NearPassages:
    """All pairs of passages in force that are so near; what a detector before found is not sought anew."""
    held = once("near in force", dict[float, NearPassages])

    def seek() -> NearPassages:
        force = vectors_in_force(at=at)
        if len(force.ids) < EXACT_BELOW:
            return _of_rows(near_pairs(force.vectors, least=least), force, force)
        signs = signs_of(force.vectors)
        keep_sketches(force, bits_of(signs))
        return _of_rows(near_pairs(force.vectors, least=least, signs=signs), force, force)

    return _widest(held, least, seek)


def near_items(item_ids: Sequence[int], *, at: datetime, least: float) -> NearPassages:
    """As `near_in_force`, of pairs with a passage of these items on their first side.

    Among few, one product of their vectors with all. Among many, sketches say which may be near, and the vectors of
    those alone are read: of 100,000 a hundredth of the bytes.
    """
    wanted = sorted(item_ids)
    held = once(("near items", tuple(wanted)), dict[float, NearPassages])

    def seek() -> NearPassages:
        ids = once("passages with vectors", passages_with_vectors)
        if len(ids) >= EXACT_BELOW:
            found = _by_sketches(ids, wanted, at, least)
            if found is not None:
                return found
        force = vectors_in_force(at=at)
        rows = np.flatnonzero(np.isin(force.item_ids, wanted))
        ours = PassageVectors(ids=force.ids[rows], item_ids=force.item_ids[rows], vectors=force.vectors[rows])
        return _of_rows(near_rows(ours.vectors, force.vectors, least=least), ours, force)

    return _widest(held, least, seek)


def pairs_to_compare(
    *,
    detector: str,
    at: datetime,
    least: float,
    most: int,
    least_among_many: float | None = None,
    item_ids: Sequence[int] | None = None,
) -> list[tuple[int, int]]:
    """Ids of passages of different items that are so near, each pair once and in order, no passage with very many.

    Where all items are looked at and there are very many, only what is nearer (`least_among_many`): the rest was
    compared when it was written. What this detector found before is compared anew in any case, so that nothing is
    taken for gone that was only not looked at.
    """
    if item_ids is not None:
        return _pairs_of_items(near_items(item_ids, at=at, least=least), most)
    raised = least_among_many is not None and len(vectors_in_force(at=at).ids) >= EXACT_BELOW
    whole = near_in_force(at=at, least=max(least, least_among_many or least) if raised else least)
    found = set(_pairs_of_items(whole, most))
    if standing := items_in_question(detector):
        found.update(_pairs_of_items(near_items(standing, at=at, least=least), most))
    return sorted(found)


def items_in_question(detector: str) -> list[int]:
    """The items that unsettled findings of this detector are about in any way."""
    unsettled = Finding.objects.unsettled().filter(detector=detector)
    concerned = Finding.concerned.through._default_manager.filter(finding_id__in=unsettled.values("pk"))
    return sorted(set(concerned.values_list("contextitem_id", flat=True)))


def _pairs_of_items(near: NearPassages, most: int) -> list[tuple[int, int]]:
    kept = nearest_of(_only(near, near.first_items != near.second_items).pairs, most=most)
    return sorted({(min(pair), max(pair)) for pair in zip(kept.first.tolist(), kept.second.tolist(), strict=True)})


def _by_sketches(ids: NDArray[np.int64], wanted: Sequence[int], at: datetime, least: float) -> NearPassages | None:
    """None where so many may be near that to read all costs less."""
    sketches = once("sketches", lambda: sketches_of(ids))
    ours = read_vectors(at=at, item_ids=wanted)
    first, second = perhaps_near(bits_of(signs_of(ours.vectors)), sketches.bits, least=least)
    others = np.unique(second)
    if len(first) > MOST_PAIRS or 2 * len(others) > len(ids):
        return None
    theirs = read_vectors(at=at, passage_ids=sketches.ids[others].tolist())
    # What is no longer in force, or not yet, is not among them.
    place = np.searchsorted(theirs.ids, sketches.ids[second])
    there = place < len(theirs.ids)
    there[there] = theirs.ids[place[there]] == sketches.ids[second[there]]
    pairs = exactly(ours.vectors, theirs.vectors, (first[there], place[there]), least=least)
    return _of_rows(pairs, ours, theirs)


def _of_rows(found: NearPairs, ours: PassageVectors, theirs: PassageVectors) -> NearPassages:
    ids = NearPairs(first=ours.ids[found.first], second=theirs.ids[found.second], cosine=found.cosine, cut=found.cut)
    return NearPassages(ids, ours.item_ids[found.first], theirs.item_ids[found.second])


def _widest(held: dict[float, NearPassages], least: float, seek: Callable[[], NearPassages]) -> NearPassages:
    wider = max((each for each, found in held.items() if each <= least and not found.pairs.cut), default=None)
    if wider is None:
        held[least] = seek()
        return held[least]
    return at_least(held[wider], least)


def at_least(found: NearPassages, least: float) -> NearPassages:
    """Those of the pairs that are so near."""
    return _only(found, found.pairs.cosine >= least)


def _only(found: NearPassages, which: NDArray[np.bool_]) -> NearPassages:
    pairs = NearPairs(
        first=found.pairs.first[which],
        second=found.pairs.second[which],
        cosine=found.pairs.cosine[which],
        cut=found.pairs.cut,
    )
    return NearPassages(pairs, found.first_items[which], found.second_items[which])
