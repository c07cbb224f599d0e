"""Takes a started flow on when one of its runs has ended: the next steps, another try, or its end.

Everything happens in the transaction in which the run ends, under the lock of the flow's run: a join starts once, and
what was completed is never lost. The run is locked before the flow's run, always; nobody who holds the flow's run
waits for a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from agents.flows.carrying import carry
from agents.flows.definition import Definition, Failure, definition_of
from agents.flows.stepping import Opened, begin, open_try
from agents.flows.telling import tell
from agents.models import (
    FlowRun,
    FlowRunState,
    FlowRunStep,
    FlowStepRun,
    FlowStepState,
    Run,
    RunReview,
    RunReviewDecision,
    RunState,
    TryBecause,
)
from agents.runs.finishing import cancel_locked
from context.access import SYSTEM, Principal
from governance.audit import ledger

ENDED_ELSEWHERE = "The flow it belonged to has ended."


class FlowFollower:
    """Follows the runs of flows (agents/runs/following.py)."""

    def takes_over(self, run: Run) -> bool:
        """A step that has another answer than a person fails, so that this answer can be given."""
        tried = _try_of(run)
        if tried is None or tried.step.flow_run.ended:
            return False
        failure = _definition(tried.step.flow_run).step(tried.step.name).on_failure
        return next_try(tried.step, failure, run, failing=True) != TryBecause.PERSON

    def ended(self, run: Run, *, now: datetime) -> list[ledger.Entry]:
        tried = _try_of(run)
        return follow_up(flow_run_id=tried.step.flow_run_id, run=run, now=now) if tried is not None else []

    def pinned(self, run: Run) -> bool:
        return FlowStepRun.objects.filter(run=run).exists()

    def rebased(self, run: Run, *, now: datetime) -> None:
        """What starts later reads the texts of now, too."""
        tried = _try_of(run)
        if tried is not None:
            FlowRun.objects.filter(pk=tried.step.flow_run_id, state=FlowRunState.RUNNING).update(snapshot_at=now)


FOLLOWER = FlowFollower()


def follow_up(*, flow_run_id: Any, run: Run, now: datetime) -> list[ledger.Entry]:
    """What follows from the end of a run, saved and locked, that was a step's latest try; nothing the second time."""
    flow_run = lock_flow_run(flow_run_id)
    tried = FlowStepRun.objects.select_related("step").get(run=run)
    row = tried.step
    if flow_run.ended or row.state != FlowStepState.RUNNING or row.tries.filter(number__gt=tried.number).exists():
        return []
    return settle(flow_run=flow_run, opened=[Opened(run=run, entries=[])], rows={run.pk: row}, now=now)


def lock_flow_run(flow_run_id: Any) -> FlowRun:
    """The flow's run, locked until the transaction ends."""
    found = FlowRun.objects.select_for_update(of=("self",)).select_related("flow_version__flow__domain")
    return found.get(pk=flow_run_id)


def settle(
    *, flow_run: FlowRun, opened: list[Opened], rows: dict[Any, FlowRunStep], now: datetime
) -> list[ledger.Entry]:
    """Take the flow on from these runs until every one that was opened goes its own way; the events to append.

    A run that is refused as it is opened ends here, too. Bounded: each step is begun once and tried a few times.
    """
    definition = _definition(flow_run)
    entries = [entry for each in opened for entry in each.entries]
    waiting = list(opened)
    while waiting:
        one = waiting.pop(0)
        if not one.run.ended or flow_run.ended:
            continue
        row = rows[one.run.pk]
        if one.run.state == RunState.SUCCEEDED:
            _end_step(row, FlowStepState.SUCCEEDED, now)
            following = start_ready(flow_run=flow_run, definition=definition, now=now)
        else:
            following = _after_failure(flow_run, definition, row, one.run, entries, now)
        for each, its_row in following:
            rows[each.run.pk] = its_row
            entries += each.entries
            waiting.append(each)
        entries += _end_if_done(flow_run, definition, now)
    return entries


def start_ready(
    *, flow_run: FlowRun, definition: Definition, now: datetime, asker: tuple[Principal, str] | None = None
) -> list[tuple[Opened, FlowRunStep]]:
    """Begin every step whose steps before it are all done. The flow's run is locked, so each is begun once."""
    steps = {each.name: each for each in FlowRunStep.objects.filter(flow_run=flow_run)}
    done = {name for name, each in steps.items() if each.state == FlowStepState.SUCCEEDED}
    ready = [
        steps[each.name]
        for each in definition.steps
        if steps[each.name].state == FlowStepState.WAITING and done.issuperset(each.after)
    ]
    if not ready:
        return []
    outputs = outputs_of(flow_run)
    return [
        (begin(flow_run=flow_run, definition=definition, row=row, outputs=outputs, asker=asker, now=now), row)
        for row in ready
    ]


def outputs_of(flow_run: FlowRun) -> dict[str, Any]:
    """The outputs of the steps that have succeeded, by their names."""
    done = FlowStepRun.objects.filter(
        step__flow_run=flow_run, step__state=FlowStepState.SUCCEEDED, run__state=RunState.SUCCEEDED
    )
    return dict(done.order_by("number").values_list("step__name", "run__output"))


def next_try(row: FlowRunStep, failure: Failure | None, run: Run, *, failing: bool = False) -> TryBecause | None:
    """What the step's failure mode says to do now; None for stop. `failing`: the run has not ended yet.

    A refusal is not retried: the same facts give the same answer. What a person has rejected is put to nobody twice.
    """
    if failure is None or run.state == RunState.CANCELLED:
        return None
    causes = list(row.tries.values_list("because", flat=True))
    if failure.do == "retry" and run.state != RunState.REFUSED and causes.count(TryBecause.RETRY) < failure.times:
        return TryBecause.RETRY
    other = failure.do == "other_agent" and (run.agent is None or run.agent.slug != failure.agent)
    if other and TryBecause.OTHER_AGENT not in causes:
        return TryBecause.OTHER_AGENT
    if failure.last != "person":
        return None
    if failing:
        return TryBecause.PERSON
    asked = TryBecause.PERSON in causes or RunReview.objects.filter(run=run, decision=RunReviewDecision.REJECT).exists()
    return None if asked else TryBecause.PERSON


def cancel_open_runs(*, actor: Principal, flow_run: FlowRun, reason: str, now: datetime) -> list[ledger.Entry]:
    """Cancel the runs of a flow that has ended; the events. One that somebody holds just now is left to the schedule.

    To wait for it would be to wait for somebody who may be waiting for the flow.
    """
    locked = (
        Run.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("agent")
        .filter(flow_try__step__flow_run=flow_run, ended_at__isnull=True)
        .order_by("pk")
    )
    return [cancel_locked(actor=actor, run=run, reason=reason, now=now) for run in locked]


def end_flow_run(flow_run: FlowRun, state: FlowRunState, *, now: datetime) -> None:
    """Set the final state of a locked flow run, and of its steps that have none."""
    FlowRunStep.objects.filter(flow_run=flow_run, ended_at__isnull=True).update(
        state=FlowStepState.CANCELLED, ended_at=now
    )
    flow_run.state, flow_run.ended_at, flow_run.changed_at = state, now, now
    flow_run.save()


def _after_failure(
    flow_run: FlowRun, definition: Definition, row: FlowRunStep, run: Run, entries: list[ledger.Entry], now: datetime
) -> list[tuple[Opened, FlowRunStep]]:
    step = definition.step(row.name)
    why = str(run.reasons[-1].get("detail", "")) if run.reasons else f"{step.label} {run.get_state_display().lower()}."
    again = next_try(row, step.on_failure, run)
    if again is not None:
        return [(open_try(flow_run=flow_run, step=step, row=row, because=again, why=why, now=now), row)]
    _end_step(row, FlowStepState.FAILED, now)
    reason = {"cause": "step_failed", "step": row.name, "run": str(run.pk), "detail": why, "at": now.isoformat()}
    flow_run.reasons = [*flow_run.reasons, reason]
    end_flow_run(flow_run, FlowRunState.FAILED, now=now)
    entries += cancel_open_runs(actor=SYSTEM, flow_run=flow_run, reason=ENDED_ELSEWHERE, now=now)
    entries.append(tell(flow_run=flow_run, what="failed", step=row.name, cause=why[:500]))
    return []


def _end_step(row: FlowRunStep, state: FlowStepState, now: datetime) -> None:
    row.state, row.ended_at = state, now
    row.save()


def _end_if_done(flow_run: FlowRun, definition: Definition, now: datetime) -> Iterable[ledger.Entry]:
    if flow_run.ended or FlowRunStep.objects.filter(flow_run=flow_run, ended_at__isnull=True).exists():
        return []
    outputs = outputs_of(flow_run)
    last = [each.name for each in definition.last]
    if definition.output:
        flow_run.output = carry(definition.output, {"input": flow_run.input, **outputs})
    else:
        flow_run.output = outputs.get(last[0]) if len(last) == 1 else {name: outputs.get(name) for name in last}
    end_flow_run(flow_run, FlowRunState.SUCCEEDED, now=now)
    return [tell(flow_run=flow_run, what="succeeded")]


def _try_of(run: Run) -> FlowStepRun | None:
    found = FlowStepRun.objects.select_related("step__flow_run__flow_version")
    return found.filter(run=run).first()


def _definition(flow_run: FlowRun) -> Definition:
    return definition_of(flow_run.flow_version.payload)
