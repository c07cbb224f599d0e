"""Records what an agent did in a run, each effect once; must not carry out anything itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.authentication import AuthenticatedAgent
from agents.models import Operation, Run, RunLease, RunStep, StepState
from agents.runs.budgets import Use, spend
from agents.runs.leases import hold
from agents.runs.moving import tell
from agents.runs.step_attributes import check_attributes
from context.digests import canonical, check_storable, digest_of
from context.errors import Conflict, InvalidInput
from governance.audit import ledger

LONGEST_KEY = 120
LARGEST_REPORT_BYTES = 262_144
MOST_STEPS = 1_000
MOST_TOKENS = 10**9


class EffectKnown(Conflict):
    """The step's key was reported before with something else: its effect is not carried out twice."""

    type = "effect-known"
    title = "A step of this key was reported already"


@dataclass(frozen=True, kw_only=True, slots=True)
class StepReport:
    """What an agent says of one step. `started` is said before an effect outside, `done` or `failed` after it."""

    key: str
    operation: str
    name: str
    state: str = StepState.DONE
    input: Any = None
    output: Any = None
    error: Any = None
    tool_calls: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """What the digest is over: all but the times, which a repeated report may tell anew."""
        told = {"attributes": dict(self.attributes)} if self.attributes else {}
        return {
            **told,
            "key": self.key,
            "operation": self.operation,
            "name": self.name,
            "state": self.state,
            "input": self.input,
            "output": self.output,
            "error": self.error,
            "tool_calls": list(self.tool_calls),
            "model": self.model,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost": str(self.cost),
        }


def report_step(
    *, agent: AuthenticatedAgent, run_id: UUID, token: str, report: StepReport, now: datetime
) -> tuple[RunStep, bool]:
    """Record the step; the step and whether it is new. The same report twice is recorded once.

    A started step may be reported done or failed, once. What it used is taken from the run's budgets in the same
    transaction: BudgetSpent ends the run there.
    """
    _check(report)
    with transaction.atomic():
        run, lease = hold(agent=agent, run_id=run_id, token=token, now=now)
        step, use = record_step(run=run, lease=lease, report=report, now=now)
        if use is not None:
            entry = tell(
                actor=agent.principal,
                run=run,
                what=f"step_{step.state}",
                now=now,
                after=step.digest,
                step=step.key,
                operation=step.operation,
                name=step.name,
            )
            entries = [entry, *spend(actor=agent.principal, run=run, lease=lease, use=use, now=now)]
            ledger.append_all(actor=agent.principal, entries=entries, now=now)
    return step, use is not None


def record_step(*, run: Run, lease: RunLease, report: StepReport, now: datetime) -> tuple[RunStep, Use | None]:
    """The row of the report, under a locked run; and what it used that was not told before, None where it is known."""
    digest = digest_of(report.as_json())
    known = RunStep.objects.select_for_update().filter(run=run, key=report.key).first()
    if known is not None:
        if known.digest == digest:
            return known, None
        if known.state != StepState.STARTED or report.state == StepState.STARTED:
            raise EffectKnown(
                f"The step {report.key[:60]!r} was reported as something else.",
                field="key",
                fix="Read the run's steps, and go on after the last one; a new effect takes a new key.",
            )
        if (known.operation, known.name) != (report.operation, report.name):
            raise EffectKnown(
                f"The step {report.key[:60]!r} began as {known.operation} {known.name!r}.",
                field="operation",
                fix="Report the step that began, or use a new key.",
            )
    elif run.steps.count() >= MOST_STEPS:
        raise InvalidInput(
            f"A run has at most {MOST_STEPS} steps.", field="key", limit=MOST_STEPS, fix="Complete the run."
        )
    step = known or RunStep(run=run, key=report.key, started_at=min(report.started_at or now, now))
    # A step that is told as begun and then as done is counted once; what was used stays used.
    use = Use(
        input_tokens=max(report.input_tokens - step.input_tokens, 0),
        output_tokens=max(report.output_tokens - step.output_tokens, 0),
        cost=max(report.cost - step.cost, Decimal(0)),
    )
    step.lease, step.operation, step.name, step.state = lease, report.operation, report.name, report.state
    step.input = report.input if known is None or report.input is not None else known.input
    step.output, step.error, step.tool_calls = report.output, report.error, list(report.tool_calls)
    step.attributes = dict(report.attributes) or step.attributes
    step.model, step.cost = report.model, report.cost
    step.input_tokens, step.output_tokens = report.input_tokens, report.output_tokens
    if report.state != StepState.STARTED:
        step.ended_at = max(min(report.ended_at or now, now), step.started_at)
    step.digest = digest
    step.save()
    return step, use


def _check(report: StepReport) -> None:
    for name, value, longest in (
        ("key", report.key, LONGEST_KEY),
        ("name", report.name, 120),
        ("model", report.model, 120),
    ):
        if len(value) > longest or (name != "model" and not value.strip()):
            raise InvalidInput(f"{name} is empty or too long.", field=name, limit=longest, fix=f"Correct {name}.")
    if report.operation not in Operation.values:
        raise InvalidInput(
            f"There is no operation {report.operation[:40]!r}.",
            field="operation",
            limit=", ".join(Operation.values),
            fix="Use a name of the GenAI conventions.",
        )
    if report.state not in StepState.values:
        raise InvalidInput(
            "A step is started, done or failed.", field="state", limit=", ".join(StepState.values), fix="Choose one."
        )
    for name, count in (("input_tokens", report.input_tokens), ("output_tokens", report.output_tokens)):
        if not 0 <= count <= MOST_TOKENS:
            raise InvalidInput(f"{name} is out of range.", field=name, limit=MOST_TOKENS, fix="Send what was used.")
    if not 0 <= report.cost < Decimal(10**8):
        raise InvalidInput("cost is out of range.", field="cost", limit=10**8, fix="Send what it cost.")
    check_attributes(report.attributes)
    told = report.as_json()
    check_storable(told, field="step")
    if len(canonical(told)) > LARGEST_REPORT_BYTES:
        raise InvalidInput(
            f"A step is told in at most {LARGEST_REPORT_BYTES} bytes.",
            field="output",
            limit=LARGEST_REPORT_BYTES,
            fix="Store what is large elsewhere, and send where it is.",
        )
