"""Reads from the ledger and the tables how runs went while processes were killed; must not change them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import psycopg

from tests.faults.killing import Kill

# A run that goes back to its queue has not gone on.
NO_PROGRESS = "agents.run.returned"


@dataclass(frozen=True)
class Went:
    """How it went. `stood_still` is the longest that each run waited for its next step, in seconds, by its id."""

    states: Counter[str]
    events: Mapping[str, Counter[str]]
    stood_still: Mapping[str, float]
    lasted: Sequence[float]
    progress_at: Sequence[float]
    expired_leases: int
    steps: Mapping[str, Counter[str]]


def read(connection: psycopg.Connection) -> Went:
    """Three queries, whatever the number of runs."""
    connection.execute("SET plumbline.reader = 'system'")
    states = dict(connection.execute("SELECT id::text, state FROM agents_run").fetchall())
    moments: dict[str, list[float]] = defaultdict(list)
    events: dict[str, Counter[str]] = defaultdict(Counter)
    found = connection.execute(
        "SELECT subject_id, action, extract(epoch FROM recorded_at)::float8 FROM governance_auditevent "
        "WHERE subject_type = 'run' ORDER BY sequence"
    )
    for run, action, at in found.fetchall():
        events[run][action] += 1
        if action != NO_PROGRESS:
            moments[run].append(at)
    steps: dict[str, Counter[str]] = defaultdict(Counter)
    for run, key, state in connection.execute("SELECT run_id::text, key, state FROM agents_runstep").fetchall():
        steps[run][f"{key} {state}"] += 1
    expired = connection.execute("SELECT count(*) FROM agents_runlease WHERE ending = 'expired'").fetchone()
    return Went(
        states=Counter(states.values()),
        events=events,
        stood_still={
            run: max((after - before for before, after in pairwise(at)), default=0.0) for run, at in moments.items()
        },
        lasted=sorted(at[-1] - at[0] for at in moments.values()),
        progress_at=sorted(moment for at in moments.values() for moment in at),
        expired_leases=expired[0] if expired else 0,
        steps=steps,
    )


def next_after(moments: Sequence[float], at: float) -> float:
    """How long after a moment the next of these was, in seconds; 0 where there was none any more."""
    place = bisect_right(moments, at)
    return moments[place] - at if place < len(moments) else 0.0


def told(went: Went, kills: Sequence[Kill], answered_at: Sequence[float]) -> str:
    """The figures as a table for people."""
    lines = [f"{sum(went.states.values())} runs: {dict(went.states)}, {went.expired_leases} leases taken back"]
    middle, late = went.lasted[len(went.lasted) // 2], went.lasted[int(len(went.lasted) * 0.99)]
    lines.append(f"a run took {middle:.1f} s (median), {late:.1f} s (99 of 100), {went.lasted[-1]:.1f} s (longest)")
    lines.append(f"none stood still for longer than {max(went.stood_still.values()):.1f} s")
    lines.append(f"{'killed':<28}{'times':>6}{'next answer':>16}{'next progress':>16}   seconds, longest")
    for victim in sorted({kill.victim for kill in kills}):
        these = [kill.at for kill in kills if kill.victim == victim]
        answer = max(next_after(answered_at, at) for at in these)
        progress = max(next_after(went.progress_at, at) for at in these)
        lines.append(f"{victim:<28}{len(these):>6}{answer:>16.1f}{progress:>16.1f}")
    return "\n".join(lines)
