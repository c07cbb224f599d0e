"""What is only judged goes into the database one batch at a time, and keeps no receipt waiting."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import pytest

from agents import deliveries
from agents.deliveries import Conditions, conditions_of, deliver, stands


class Lane:
    """A connection that judges only once it is let."""

    let, judging = Event(), Event()
    judged = 0

    def stands(self, conditions: Conditions) -> str:
        Lane.judged += 1
        Lane.judging.set()
        assert Lane.let.wait(20)
        return "now"

    def deliver(self, asked: bytes, writes: bytes, bodies: bytes) -> list[tuple[int, int | None, str]]:
        return [(0, 7, "now")]


def test_judging__others_are_judged_already__waits_for_those_and_lets_receipts_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliveries, "_idle", [Lane(), Lane()])
    conditions = conditions_of(
        key=1, until=datetime(2026, 1, 1, tzinfo=UTC), epoch=1, subjects=(), clearance=0, domains=(), groups=()
    )
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(stands, conditions)
        assert Lane.judging.wait(20)
        others = [pool.submit(stands, conditions) for _ in range(4)]
        written = pool.submit(deliver, {"kind": "delivered"}).result(20)
        assert written is not None
        assert written.receipt_id == 7
        until = time.monotonic() + 5
        while len(deliveries._to_judge) < 4 and time.monotonic() < until:
            time.sleep(0.001)
        judged = Lane.judged
        Lane.let.set()
        assert all(each.result(20) is not None for each in (first, *others))
    assert (judged, Lane.judged) == (1, 2)
    assert (len(deliveries._idle), deliveries._judging) == (2, False)
