"""Moves a run from state to state with its one audit event; must not decide where a run goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agents.models import FINAL_STATES, LeaseEnding, Run, RunLease, RunState
from agents.runs.waking import wake_after_commit
from context.access import Principal
from context.errors import Conflict
from governance.audit import ledger

# From where each state may be reached. What is final is left for nowhere: the database refuses it, too.
REACHED_FROM: Mapping[str, frozenset[str]] = {
    RunState.QUEUED: frozenset(
        {
            RunState.QUEUED,
            RunState.RUNNING,
            RunState.PAUSED,
            RunState.WAITS_FOR_CONTEXT,
            RunState.WAITS_FOR_PERSON,
            RunState.IN_REVIEW,
        }
    ),
    RunState.RUNNING: frozenset({RunState.QUEUED}),
    RunState.PAUSED: frozenset({RunState.QUEUED, RunState.RUNNING}),
    RunState.WAITS_FOR_CONTEXT: frozenset({RunState.QUEUED, RunState.PAUSED}),
    RunState.WAITS_FOR_PERSON: frozenset(
        {RunState.QUEUED, RunState.RUNNING, RunState.PAUSED, RunState.WAITS_FOR_CONTEXT, RunState.IN_REVIEW}
    ),
    RunState.IN_REVIEW: frozenset({RunState.RUNNING, RunState.WAITS_FOR_PERSON}),
    RunState.SUCCEEDED: frozenset({RunState.RUNNING, RunState.IN_REVIEW, RunState.WAITS_FOR_PERSON}),
    RunState.FAILED: frozenset(RunState.values) - frozenset(FINAL_STATES),
    RunState.REFUSED: frozenset({RunState.WAITS_FOR_CONTEXT, RunState.WAITS_FOR_PERSON, RunState.QUEUED}),
    RunState.CANCELLED: frozenset(RunState.values) - frozenset(FINAL_STATES),
}

# Where a run waits for somebody to decide.
FOR_PEOPLE = (RunState.WAITS_FOR_PERSON, RunState.IN_REVIEW)


class RunHasEnded(Conflict):
    """The run is in a final state, which nothing leaves."""

    type = "run-has-ended"
    title = "The run has ended"


def move(*, run: Run, to: RunState, now: datetime) -> None:
    """Set the state of a locked run, which the caller saves and tells (`tell`). One that waits wakes who sends."""
    if run.ended:
        raise RunHasEnded(f"The run has ended: {run.get_state_display().lower()}.", fix="Start another run.")
    if run.state not in REACHED_FROM[to]:
        raise Conflict(
            f"A run that is {RunState(run.state).label.lower()!r} cannot become {to.label.lower()!r}.",
            fix="Read the run again.",
        )
    run.state, run.changed_at = to, now
    if to in FOR_PEOPLE:
        run.times_to_person += 1
    if to in FINAL_STATES:
        run.ended_at = now
    if to == RunState.QUEUED:
        wake_after_commit()


def end_lease(*, lease: RunLease, ending: LeaseEnding, now: datetime) -> None:
    """End a lease that is held; its token is good for nothing from here on."""
    lease.ended_at, lease.ending = now, ending
    lease.save(update_fields=["ended_at", "ending"])


def tell(
    *, actor: Principal, run: Run, what: str, now: datetime, after: str | None = None, **data: Any
) -> ledger.Entry:
    """The event `agents.run.<what>`, to be appended last."""
    return ledger.Entry(
        action=f"agents.run.{what}",
        subject=ledger.Subject(type="run", id=str(run.pk), label=f"{run.task_type} ({str(run.pk)[:8]})"),
        data={"state": str(run.state), "agent": run.agent.slug if run.agent else None, **data},
        after=after,
        actor=actor,
        at=now,
    )
