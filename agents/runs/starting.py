"""Records a run with what was decided of it, in one transaction, before anybody is answered; must not decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from agents.models import Agent, ContractVersion, Run, RunState
from agents.runs.moving import tell
from context.access import Principal
from context.digests import canonical, check_storable, digest_of
from context.errors import InvalidInput
from context.models import Domain
from governance.audit import ledger

LARGEST_TASK_BYTES = 262_144
MOST_ATTEMPTS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOrder:
    """A task as it was given. `task_type` is a word, `task` JSON; budgets are the run's own, None for no bound."""

    task_type: str
    task: Any
    domain: Domain | None = None
    token_budget: int | None = None
    cost_budget: Decimal | None = None
    most_attempts: int = 3
    due_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """Where routing sends a run: to an agent under a contract version, with fallbacks; or where it waits instead."""

    state: RunState = RunState.QUEUED
    agent: Agent | None = None
    contract_version: ContractVersion | None = None
    fallbacks: Sequence[dict[str, str]] = field(default_factory=tuple)
    because: str = ""
    due_at: datetime | None = None


def open_run(*, actor: Principal, order: RunOrder, assignment: Assignment, now: datetime) -> Run:
    """Record the run in the state that its assignment says. From its commit on it is never lost."""
    check_order(order, now=now)
    with transaction.atomic():
        run = Run(
            task_type=order.task_type,
            task=order.task,
            task_digest=digest_of(order.task),
            requested_by_kind=actor.kind,
            requested_by_id=actor.id,
            requested_by_label=actor.label[:200],
            agent=assignment.agent,
            contract_version=assignment.contract_version,
            domain=order.domain,
            fallbacks=list(assignment.fallbacks),
            state=assignment.state,
            snapshot_at=now,
            most_attempts=order.most_attempts,
            not_before=now,
            due_at=assignment.due_at or order.due_at,
            token_budget=order.token_budget,
            cost_budget=order.cost_budget,
            created_at=now,
            changed_at=now,
        )
        if run.ended:
            run.ended_at = now
        if assignment.because:
            run.reasons = [{"cause": "routing", "detail": assignment.because, "at": now.isoformat()}]
        run.save(force_insert=True)
        entry = tell(
            actor=actor, run=run, what="started", now=now, after=run.task_digest, because=assignment.because or None
        )
        ledger.append_all(actor=actor, entries=[entry], now=now)
    return run


def check_order(order: RunOrder, *, now: datetime) -> None:
    """Refuse a task that cannot be stored or done; each error names the field, the limit and the fix."""
    if not order.task_type.strip() or len(order.task_type) > 60:
        raise InvalidInput("A run needs a task type.", field="task_type", limit=60, fix="Name the type of the task.")
    check_storable([order.task_type, order.task], field="task")
    if len(canonical(order.task)) > LARGEST_TASK_BYTES:
        raise InvalidInput(
            f"task is larger than {LARGEST_TASK_BYTES} bytes.",
            field="task",
            limit=LARGEST_TASK_BYTES,
            fix="Store what is large elsewhere, and send where it is.",
        )
    if not 1 <= order.most_attempts <= MOST_ATTEMPTS:
        raise InvalidInput(
            f"A run is tried 1 to {MOST_ATTEMPTS} times.",
            field="most_attempts",
            limit=MOST_ATTEMPTS,
            fix="Choose a number within the limit.",
        )
    if order.token_budget is not None and not 1 <= order.token_budget <= 10**12:
        raise InvalidInput("token_budget is out of range.", field="token_budget", limit=10**12, fix="Choose another.")
    if order.cost_budget is not None and not 0 < order.cost_budget < 10**8:
        raise InvalidInput("cost_budget is out of range.", field="cost_budget", limit=10**8, fix="Choose another.")
    if order.due_at is not None and order.due_at <= now:
        raise InvalidInput("due_at has passed.", field="due_at", fix="Choose a moment in the future.")
