"""Says where a run goes that could not be finished: again, to the next agent, or to a person; must not run it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from agents.held_contracts import held_contract
from agents.models import Agent, ContractVersion, Run, RunState
from agents.runs.following import is_taken_over
from agents.runs.moving import move, tell
from context.access import Principal
from governance.audit import ledger

FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=5)


def try_again(
    *, actor: Principal, run: Run, cause: str, detail: str, now: datetime, retryable: bool = True
) -> ledger.Entry:
    """Queue a locked run again, for the same agent or for its next fallback, or leave it to a person.

    Where the run is part of something that has another answer than a person, it fails instead.

    Saves the run and returns the event to append. `cause` is a word, `detail` a sentence for people.
    """
    run.reasons = [*run.reasons, _reason(run, cause=cause, detail=detail, now=now)]
    if retryable and run.attempt < run.most_attempts:
        move(run=run, to=RunState.QUEUED, now=now)
        run.not_before = now + wait_before(run=run, attempt=run.attempt)
        run.save()
        return tell(actor=actor, run=run, what="returned", now=now, cause=cause, not_before=run.not_before)
    following = next_agent(run=run)
    if following is not None:
        before = run.agent.slug if run.agent else None
        run.agent, run.contract_version = following
        run.attempt, run.not_before = 0, now
        move(run=run, to=RunState.QUEUED, now=now)
        run.save()
        return tell(actor=actor, run=run, what="fell_back", now=now, cause=cause, came_from=before)
    if is_taken_over(run):
        move(run=run, to=RunState.FAILED, now=now)
        run.save()
        return tell(actor=actor, run=run, what="failed", now=now, cause=cause)
    move(run=run, to=RunState.WAITS_FOR_PERSON, now=now)
    run.save()
    return tell(actor=actor, run=run, what="escalated", now=now, cause=cause)


def next_agent(*, run: Run) -> tuple[Agent, ContractVersion] | None:
    """The next fallback that may still work, taken off the run's list; None at its end."""
    while run.fallbacks:
        following, *run.fallbacks = run.fallbacks
        held = held_contract(agent=following["agent"], contract=following["contract"])
        if held is not None:
            return held
    return None


def wait_before(*, run: Run, attempt: int) -> timedelta:
    """Doubling waits, spread by a quarter each way; by a hash of the run, so that it can be told beforehand."""
    seed = hashlib.sha256(f"{run.pk}:{attempt}".encode()).digest()
    spread = 0.75 + int.from_bytes(seed[:4], "big") / 2**32 / 2
    doubled: timedelta = FIRST_WAIT * (1 << min(max(attempt - 1, 0), 20))
    return min(doubled, LONGEST_WAIT) * spread


def _reason(run: Run, *, cause: str, detail: str, now: datetime) -> Mapping[str, Any]:
    return {
        "cause": cause,
        "detail": detail[:2_000],
        "agent": run.agent.slug if run.agent else None,
        "attempt": run.attempt,
        "at": now.isoformat(),
    }
