"""Records a run with what was decided of it, in one transaction, before anybody is answered; must not decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.held_contracts import held_contract
from agents.models import Agent, ContractVersion, Run, RunState
from agents.models.runs import time_ordered_uuid
from agents.routing.asking import Question, ask
from agents.routing.decisions import keep_decision
from agents.runs.moving import FOR_PEOPLE, tell
from agents.runs.waking import wake_after_commit
from agents.sent_tasks import check_task_size
from context.access import Principal
from context.digests import check_storable, digest_of
from context.errors import InvalidInput
from context.models import Domain
from governance.audit import ledger

MOST_ATTEMPTS = 10
UNTYPED = "untyped"  # the task type of a run of which no rule and no classifier knew one


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOrder:
    """A task as it was given. `task_type` is a word, `task` JSON; budgets are the run's own, None for no bound.

    `snapshot_at` is the moment whose texts its agents read, where that is given beforehand.
    """

    task_type: str
    task: Any
    domain: Domain | None = None
    token_budget: int | None = None
    cost_budget: Decimal | None = None
    most_attempts: int = 3
    due_at: datetime | None = None
    snapshot_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """Where routing sends a run: to an agent under a contract version, with fallbacks; or where it waits instead."""

    state: RunState = RunState.QUEUED
    agent: Agent | None = None
    contract_version: ContractVersion | None = None
    fallbacks: Sequence[dict[str, str]] = field(default_factory=tuple)
    because: str = ""
    gaps: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    due_at: datetime | None = None


def start_run(*, actor: Principal, name: str, question: Question, order: RunOrder, now: datetime) -> Run:
    """Decide the task by the rule set in force and record the run with its decision, in one transaction.

    `name` is the caller's slug or username. The facts are gathered before the transaction: what has changed since is
    judged again where the run is claimed and where its texts are served.
    """
    check_order(order, now=now)
    run_id = time_ordered_uuid()
    answer = ask(principal=actor, name=name, question=replace(question, run=str(run_id)), now=now)
    with transaction.atomic():
        decision, decided = keep_decision(principal=actor, answer=answer, run=str(run_id), now=now)
        known = replace(order, task_type=answer.task_type or order.task_type)
        run, opened = record_run(
            actor=actor, run_id=run_id, order=known, assignment=assignment_of(decision.outcome), now=now
        )
        ledger.append_all(actor=actor, entries=[decided, opened], now=now)
    return run


def start_as_asked(*, actor: Principal, name: str, asked: Mapping[str, Any], now: datetime) -> Run:
    """`start_run` with what a caller sent, checked by StartInput: a task in JSON or in words, a domain by its slug."""
    task = asked["task"] if asked["task"] is not None else {"text": asked["text"]}
    domain = None
    if asked["domain"] is not None:
        domain = Domain.objects.filter(slug=asked["domain"]).first()
        if domain is None:
            raise InvalidInput("There is no such domain.", field="domain", fix="Name a domain by its slug.")
    return start_run(
        actor=actor,
        name=name,
        question=Question(task=task, text=asked["text"], task_type=asked["task_type"], rule_set=asked["rule_set"]),
        order=RunOrder(
            task_type=asked["task_type"] or UNTYPED,
            task=task,
            domain=domain,
            token_budget=asked["token_budget"],
            cost_budget=asked["cost_budget"],
            most_attempts=asked["most_attempts"],
            due_at=asked["due_at"],
        ),
        now=now,
    )


def open_run(*, actor: Principal, order: RunOrder, assignment: Assignment, now: datetime) -> Run:
    """Record a run whose agent is known beforehand. From its commit on it is never lost."""
    check_order(order, now=now)
    with transaction.atomic():
        run, opened = record_run(actor=actor, run_id=time_ordered_uuid(), order=order, assignment=assignment, now=now)
        ledger.append_all(actor=actor, entries=[opened], now=now)
    return run


def assignment_of(outcome: Mapping[str, Any]) -> Assignment:
    """Where a recorded outcome of routing sends a run. An agent that has lost its contract meanwhile: a person."""
    because, gaps = str(outcome.get("reason", "")), outcome.get("gaps", ())
    if outcome["kind"] == "refuse":
        return Assignment(state=RunState.REFUSED, because=because, gaps=gaps)
    if outcome["kind"] == "human":
        if outcome.get("wait_until"):
            until = datetime.fromisoformat(outcome["wait_until"])
            return Assignment(state=RunState.WAITS_FOR_CONTEXT, because=because, gaps=gaps, due_at=until)
        return Assignment(state=RunState.WAITS_FOR_PERSON, because=because, gaps=gaps)
    targets = [{"agent": outcome["agent"], "contract": outcome["contract"]}, *outcome.get("fallbacks", [])]
    while targets:
        first, *targets = targets
        held = held_contract(agent=first["agent"], contract=first["contract"])
        if held is not None:
            return Assignment(
                agent=held[0],
                contract_version=held[1],
                fallbacks=[{"agent": each["agent"], "contract": each["contract"]} for each in targets],
                because=because,
            )
    return Assignment(state=RunState.WAITS_FOR_PERSON, because="The agents of the route were withdrawn meanwhile.")


def record_run(
    *, actor: Principal, run_id: UUID, order: RunOrder, assignment: Assignment, now: datetime
) -> tuple[Run, ledger.Entry]:
    """The same inside the caller's transaction, which has checked the order and appends the event, last."""
    run = Run(
        id=run_id,
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
        snapshot_at=order.snapshot_at or now,
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
    run.times_to_person = int(run.state in FOR_PEOPLE)
    if assignment.because and assignment.state != RunState.QUEUED:
        run.reasons = [
            {
                "cause": "routing",
                "detail": assignment.because,
                "gaps": list(assignment.gaps),
                "at": now.isoformat(),
            }
        ]
    run.save(force_insert=True)
    if run.state == RunState.QUEUED:
        wake_after_commit()
    because = assignment.because or None
    return run, tell(actor=actor, run=run, what="started", now=now, after=run.task_digest, because=because)


def check_order(order: RunOrder, *, now: datetime) -> None:
    """Refuse a task that cannot be stored or done; each error names the field, the limit and the fix."""
    if not order.task_type.strip() or len(order.task_type) > 60:
        raise InvalidInput("A run needs a task type.", field="task_type", limit=60, fix="Name the type of the task.")
    check_storable([order.task_type, order.task], field="task")
    check_task_size(order.task)
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
