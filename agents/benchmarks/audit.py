"""Times the ledger: appends by many writers, checks while they write, and a whole verification; must not serve data."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

from django.db import connection, connections, transaction
from django.utils import timezone

from agents.benchmarks.measuring import MOST_PROCESSES, Report, Timing, percentile
from agents.benchmarks.scratch import scratch_database
from context.access import SYSTEM
from governance.audit import ledger
from governance.audit.checkpoints import make_checkpoint
from governance.audit.verification import verify_chain
from governance.models import AuditEvent

WRITERS = (1, 8, 50)
VERIFIED_EVENTS = 100_000
EVENTS_AT_ONCE = 500
# As many as wait together when agents ask at once (agents/serving.py writes them in one commit).
EVENTS_A_COMMIT = 20


def run(*, items: int, clients: int, seconds: float, say: Callable[[str], None]) -> Report:
    """`items` events are written by 50 writers while the ledger is verified and signed over and over."""
    say("making a scratch database")
    with scratch_database():
        cases: dict[str, Timing] = {}
        for writers in sorted({*WRITERS, clients}):
            say(f"appending with {writers} writers")
            cases[f"append, {writers} writers"] = _append(writers=writers, seconds=seconds)
        say(f"appending {EVENTS_A_COMMIT} a commit with 8 writers")
        cases[f"append, 8 writers, {EVENTS_A_COMMIT} a commit"] = _append(
            writers=8, seconds=seconds, work=_write_together
        )
        say(f"writing {items:,} events by 50 writers while verifying")
        cases["append, verified meanwhile"], checks, alarms = _append_verified(events=items)
        say(f"filling the ledger to {VERIFIED_EVENTS:,} events")
        _fill(VERIFIED_EVENTS)
        say("verifying all of it")
        verdicts = [verify_chain() for _ in range(3)]
        best = min(verdicts, key=lambda verdict: verdict.seconds)
        cases["verify, an event"] = Timing(
            p50_ms=best.seconds / best.checked * 1_000,
            p99_ms=max(verdict.seconds / verdict.checked for verdict in verdicts) * 1_000,
            per_second=best.checked / best.seconds,
        )
        started = time.perf_counter()
        make_checkpoint(now=timezone.now())
        return Report(
            cases=cases,
            ratios={
                "chain intact (1 is yes)": float(all(verdict.holds for verdict in verdicts)),
                "events not in the chain": float(AuditEvent.objects.count() - best.checked),
                "checks while writing": float(checks),
                "false alarms": float(alarms),
                "seconds to sign the last checkpoint": time.perf_counter() - started,
            },
            setting={"events": best.checked, **_server()},
        )


def _append(*, writers: int, seconds: float, work: Callable[[float], list[float]] | None = None) -> Timing:
    times = _spread(writers, work or _write_for, seconds)
    return _timing(times, seconds)


def _append_verified(*, events: int) -> tuple[Timing, int, int]:
    """The writers in processes of their own, the verifier here."""
    over, found = threading.Event(), {"checks": 0, "alarms": 0}

    def check() -> None:
        try:
            while not over.is_set():
                make_checkpoint(now=timezone.now())
                found["alarms"] += not verify_chain().holds
                found["checks"] += 1
        finally:
            connections.close_all()

    begun = time.perf_counter()
    checker = threading.Thread(target=check)
    with ProcessPoolExecutor(MOST_PROCESSES, mp_context=get_context("fork")) as pool:
        connections.close_all()
        futures = [
            pool.submit(_run_share, share, _write_count, events // max(WRITERS)) for share in _shares(max(WRITERS))
        ]
        checker.start()
        times = sorted(each for future in futures for each in future.result())
    took = time.perf_counter() - begun
    over.set()
    checker.join()
    return _timing(times, took), found["checks"], found["alarms"]


def _spread(writers: int, work: Callable[[float], list[float]], amount: float) -> list[float]:
    connections.close_all()
    with ProcessPoolExecutor(MOST_PROCESSES, mp_context=get_context("fork")) as pool:
        futures = [pool.submit(_run_share, share, work, amount) for share in _shares(writers)]
        return sorted(each for future in futures for each in future.result())


def _shares(writers: int) -> list[int]:
    shares = [writers // MOST_PROCESSES + (place < writers % MOST_PROCESSES) for place in range(MOST_PROCESSES)]
    return [share for share in shares if share]


def _run_share(writers: int, work: Callable[[float], list[float]], amount: float) -> list[float]:
    with ThreadPoolExecutor(writers) as pool:
        return [each for share in pool.map(work, [amount] * writers) for each in share]


def _write_for(seconds: float) -> list[float]:
    ends = time.perf_counter() + seconds
    return _timed(lambda: time.perf_counter() < ends)


def _write_together(seconds: float) -> list[float]:
    ends = time.perf_counter() + seconds
    times: list[float] = []
    try:
        while time.perf_counter() < ends:
            started = time.perf_counter()
            with transaction.atomic():
                ledger.append_all(
                    actor=SYSTEM, entries=[_entry(place) for place in range(EVENTS_A_COMMIT)], now=timezone.now()
                )
            times += [time.perf_counter() - started] * EVENTS_A_COMMIT
    finally:
        connections.close_all()
    return times


def _write_count(events: float) -> list[float]:
    left = [int(events)]

    def more() -> bool:
        left[0] -= 1
        return left[0] >= 0

    return _timed(more)


def _timed(more: Callable[[], bool]) -> list[float]:
    times: list[float] = []
    try:
        while more():
            started = time.perf_counter()
            with transaction.atomic():
                ledger.append(
                    actor=SYSTEM,
                    action="bench.event",
                    subject=ledger.Subject(type="bench", id=str(len(times)), label="One event of many"),
                    now=timezone.now(),
                    data={"number": len(times), "why": "to time it", "items": ["legal/cap", "sales/price"]},
                )
            times.append(time.perf_counter() - started)
    finally:
        connections.close_all()
    return times


def _fill(events: int) -> None:
    missing = events - AuditEvent.objects.count()
    while missing > 0:
        entries = [_entry(missing - place) for place in range(min(EVENTS_AT_ONCE, missing))]
        with transaction.atomic():
            ledger.append_all(actor=SYSTEM, entries=entries, now=timezone.now())
        missing -= len(entries)


def _entry(place: int) -> ledger.Entry:
    return ledger.Entry(
        action="context.version.published",
        subject=ledger.Subject(type="item", id=f"legal/text-{place}", label="A text of the house"),
        data={"version": 2, "title": "A text of the house", "approved_by": ["Rui Reviewer"], "share": 0.25},
        after="a" * 64,
    )


def _timing(times: list[float], seconds: float) -> Timing:
    return Timing(
        p50_ms=percentile(times, 0.50) * 1_000,
        p99_ms=percentile(times, 0.99) * 1_000,
        per_second=len(times) / seconds,
    )


def _server() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')"
        )
        version, fsync, synchronous_commit = cursor.fetchone()
    return {"postgres": version, "fsync": fsync, "synchronous_commit": synchronous_commit}
