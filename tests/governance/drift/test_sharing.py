"""What detectors of one scan share: made once within a scan, and never kept beyond it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from governance.drift import neighbourhood
from governance.drift.duplicates_passages import PassageVectors
from governance.drift.duplicates_search import near_pairs
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
    assert 0 < len(alone.first) < 150
    assert (shared.first.tolist(), shared.second.tolist()) == (alone.first.tolist(), alone.second.tolist())
