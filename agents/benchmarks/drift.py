"""Times scans for drift: full and after a change, at a tenth of the size and at all of it, beside what they rest on.

The floor is the fastest search for near pairs among the same vectors, in memory; every detector that needs no network
runs. Each scan runs in a process of its own, so that its memory can be told.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import log10
from typing import Any

from django.db import connection
from django.utils import timezone

from agents.benchmarks.drift_world import build_world, change_some
from agents.benchmarks.measuring import Report, Timing
from agents.benchmarks.scratch import scratch_database
from governance.drift.detectors import detectors
from governance.drift.duplicates_passages import read_vectors
from governance.drift.duplicates_search import near_pairs

CHANGED_ONE_IN = 100
LEAST_COSINE = 0.85
FULL_IN_FLOORS, INCREMENTAL_SECONDS, GROWTH, MEMORY_MIB = 3.0, 2.0, 1.3, 2048


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One size: seconds of the floor, of a full scan, of one where nothing and where one in a hundred changed."""

    items: int
    floor: float
    full: float
    unchanged: float
    incremental: float
    peak_mib: float
    opened: int
    changed: int
    by_detector: dict[str, float]


def run(*, items: int, clients: int, seconds: float, say: Callable[[str], None]) -> Report:
    """`clients` and `seconds` mean nothing here: a scan takes as long as it takes."""
    small = _measure(max(100, items // 10), say)
    large = _measure(items, say)
    cases = {
        f"{name}, {each.items:,} items": _timing(took, each.items)
        for each in (small, large)
        for name, took in (
            ("floor: near pairs", each.floor),
            ("full scan", each.full),
            ("scan, nothing changed", each.unchanged),
            ("scan, 1 in 100 changed", each.incremental),
        )
    }
    cases |= {f"  {name}": _timing(took, large.items) for name, took in large.by_detector.items()}
    growth = log10(large.full / small.full) / log10(large.items / small.items) if large.items > small.items else 1.0
    return Report(
        cases=cases,
        ratios={
            f"full scan in floors (at most {FULL_IN_FLOORS:g})": large.full / large.floor,
            f"seconds after 1 in 100 (at most {INCREMENTAL_SECONDS:g})": large.incremental,
            f"growth: n to the power (at most {GROWTH:g})": growth,
            f"peak memory, MiB (at most {MEMORY_MIB})": large.peak_mib,
            "findings opened": float(large.opened),
            "items changed": float(large.changed),
        },
        setting={"items": large.items, "detectors": len(_offline()), **_server()},
    )


def _measure(items: int, say: Callable[[str], None]) -> Measured:
    say(f"making a scratch database of {items:,} items")
    with scratch_database() as scratch:
        build_world(items=items, say=say)
        say("searching near pairs, the floor")
        floor = _floor()
        say("scanning everything")
        full = _scan(scratch.web, "--full")
        say("scanning with nothing changed")
        unchanged = _scan(scratch.web)
        changed = change_some(items=items, every=CHANGED_ONE_IN)
        say(f"scanning with {changed:,} items changed")
        incremental = _scan(scratch.web)
        return Measured(
            items=items,
            floor=floor,
            full=full["seconds"],
            unchanged=unchanged["seconds"],
            incremental=incremental["seconds"],
            peak_mib=max(full["peak_mib"], incremental["peak_mib"]),
            opened=full["opened"],
            changed=changed,
            by_detector={
                **{f"full, {name}": took for name, took in full["detectors"].items()},
                **{f"1 in 100, {name}": took for name, took in incremental["detectors"].items()},
            },
        )


def _floor() -> float:
    vectors = read_vectors(at=timezone.now()).vectors
    return min(_took(lambda: near_pairs(vectors, least=LEAST_COSINE)) for _ in range(2))


def _scan(url: str, *options: str) -> dict[str, Any]:
    """`manage.py scan_drift` in a process of its own; seconds from the request to the end of the scan."""
    chosen = [part for name in _offline() for part in ("--detector", name)]
    done = subprocess.run(
        [sys.executable, "-m", "django", "scan_drift", "--json", *chosen, *options],
        env={**os.environ, "DATABASE_URL": url, "PLUMBLINE_DATABASE_ROLE": "web"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _offline() -> list[str]:
    return [name for name, detector in detectors().items() if not detector.needs_network]


def _took(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _timing(took: float, items: int) -> Timing:
    return Timing(p50_ms=took * 1_000, p99_ms=took * 1_000, per_second=items / took if took else 0.0)


def _server() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('fsync')")
        version, fsync = cursor.fetchone()
    return {"postgres": version, "fsync": fsync}
