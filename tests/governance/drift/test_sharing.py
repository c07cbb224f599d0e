"""What detectors of one scan share: made once within a scan, and never kept beyond it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from governance.drift import duplicates_search, neighbourhood
from governance.drift.duplicates_passages import PassageVectors
from governance.drift.duplicates_search import near_pairs, near_rows
from governance.drift.neighbourhood import near_items
from governance.drift.sharing import once, sharing


def test_once__within_and_outside__is_made_once_or_each_time() -> None:
    made: list[int] = []
    for _ in range(2):
        with sharing():
            for _ in range(3):
                once("a", lambda: made.append(1))
    for _ in range(2):
        once("a", lambda: made.append(2))
    assert made == [1, 1, 2, 2]


def test_near_in_force__asked_wider_before__gives_the_same_pairs_without_another_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(1)
    vectors = draw.standard_normal((300, 384)).astype(np.float32)
    vectors[150:] = vectors[:150] + 0.5 * draw.standard_normal((150, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.arange(300, dtype=np.int64)
    monkeypatch.setattr(
        neighbourhood, "read_vectors", lambda at: PassageVectors(ids=ids, item_ids=ids, vectors=vectors)
    )
    sought: list[float] = []

    def counted(given: Any, *, least: float) -> Any:
        sought.append(least)
        return near_pairs(given, least=least)

    monkeypatch.setattr(neighbourhood, "near_pairs", counted)
    now = timezone.now()
    with sharing():
        neighbourhood.near_in_force(at=now, least=0.7)
        shared = neighbourhood.near_in_force(at=now, least=0.89)
        neighbourhood.near_in_force(at=now, least=0.5)
    alone = neighbourhood.near_in_force(at=now, least=0.89)
    assert sought == [0.7, 0.5, 0.89]
    assert 0 < len(alone.pairs.first) < 150
    assert shared.pairs.first.tolist() == alone.pairs.first.tolist()
    assert shared.pairs.second.tolist() == alone.pairs.second.tolist()


def test_sharing__within_another__keeps_what_was_made_as_long_as_the_outer_one() -> None:
    made: list[int] = []
    with sharing():
        for _ in range(2):
            with sharing():
                once("a", lambda: made.append(1))
    assert made == [1]


def test_near_items__two_detectors_ask__one_product_gives_both_what_each_with_each_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(2)
    vectors = draw.standard_normal((120, 384)).astype(np.float32)
    vectors[60:] = vectors[:60] + 0.5 * draw.standard_normal((60, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.arange(120, dtype=np.int64)
    monkeypatch.setattr(
        neighbourhood, "read_vectors", lambda at: PassageVectors(ids=ids, item_ids=ids // 2, vectors=vectors)
    )
    monkeypatch.setattr(neighbourhood, "passages_with_vectors", lambda: ids)
    products: list[int] = []
    monkeypatch.setattr(
        neighbourhood,
        "near_rows",
        lambda queries, among, least: products.append(len(queries)) or near_rows(queries, among, least=least),
    )
    now = timezone.now()
    with sharing():
        for least in (0.7, 0.9):
            found = near_items([7, 3], at=now, least=least)
            cosines = vectors[[6, 7, 14, 15]] @ vectors.T
            assert len(found.pairs.first) == (cosines >= least).sum()
            assert set(found.pairs.first.tolist()) == {6, 7, 14, 15}
        assert products == [4]
        near_items([3], at=now, least=0.9)
    assert products == [4, 2]


def test_near_rows__fewer_rows_than_fit_at_once__gives_the_same_in_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.eye(5, dtype=np.float32).repeat(2, axis=0)
    whole = near_rows(vectors, vectors, least=0.5)
    monkeypatch.setattr(duplicates_search, "COSINES_AT_ONCE", 25)
    cut = near_rows(vectors, vectors, least=0.5)
    assert (whole.first.tolist(), whole.second.tolist()) == (cut.first.tolist(), cut.second.tolist())
    assert len(whole.first) == 20
