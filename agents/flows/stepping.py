"""Opens the run of a step of a started flow: its input, its agent, its place in the flow; must not judge an ending.

A step that cannot start leaves a refused run that says why, so that its failure mode can act and nothing is hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agents.flows.carrying import carry
from agents.flows.definition import Definition, Failure, Step
from agents.held_contracts import held_contract
from agents.models import (
    ContextContract,
    ContractVersion,
    FlowRun,
    FlowRunStep,
    FlowStepRun,
    FlowStepState,
    Run,
    RunState,
    TryBecause,
)
from agents.models.runs import time_ordered_uuid
from agents.routing.asking import Question, ask
from agents.routing.candidates import candidates_of, contexts_of
from agents.routing.decisions import keep_decision
from agents.runs.requesters import requester_of
from agents.runs.starting import Assignment, RunOrder, assignment_of, check_order, record_run
from context import kinds
from context.access import SYSTEM, Principal
from context.errors import DomainError, InvalidInput
from governance.audit import ledger


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A run that was opened for a step, and the events to append. It may have ended at once (refused)."""

    run: Run
    entries: list[ledger.Entry]


def begin(
    *,
    flow_run: FlowRun,
    definition: Definition,
    row: FlowRunStep,
    outputs: Mapping[str, Any],
    asker: tuple[Principal, str] | None,
    now: datetime,
) -> Opened:
    """Start a step that waited: its input is made of the flow's and of earlier outputs. The flow run is locked."""
    step = definition.step(row.name)
    row.input = carry(step.input, {"input": flow_run.input, **outputs})
    row.state, row.started_at = FlowStepState.RUNNING, now
    row.save()
    return open_try(flow_run=flow_run, step=step, row=row, because=TryBecause.FIRST, asker=asker, now=now)


def open_try(
    *,
    flow_run: FlowRun,
    step: Step,
    row: FlowRunStep,
    because: TryBecause,
    asker: tuple[Principal, str] | None = None,
    why: str = "",
    now: datetime,
) -> Opened:
    """Open a run for the step: for its agent, the other agent, or a person, who is told `why`."""
    run_id = time_ordered_uuid()
    asker = asker or requester_of(flow_run)
    order, refused = _order(flow_run, step, row, now)
    entries: list[ledger.Entry] = []
    if because == TryBecause.PERSON:
        assignment = Assignment(state=RunState.WAITS_FOR_PERSON, because=why)
    elif refused:
        assignment = Assignment(state=RunState.REFUSED, because=refused)
    elif asker is None:
        gone = f"{flow_run.requested_by_label}, who asked for it, may not ask any more."
        assignment = Assignment(state=RunState.REFUSED, because=gone)
    elif because == TryBecause.OTHER_AGENT and step.on_failure is not None:
        assignment = _fixed(step.on_failure.agent, step.on_failure.contract or step.contract)
    elif step.agent:
        assignment = _with_other(_fixed(step.agent, step.contract), step.on_failure, step)
    else:
        assignment, entries = _routed(step, row.input, run_id=str(run_id), asker=asker, now=now)
        assignment = _with_other(assignment, step.on_failure, step)
    assignment = _if_input_fits(assignment, row.input)
    if assignment.contract_version is None:
        # So that those who answer for the step's contract see the run and may decide on it.
        assignment = replace(assignment, contract_version=_current(step.contract))
    kind: Any = flow_run.requested_by_kind
    requester = replace(SYSTEM, kind=kind, id=flow_run.requested_by_id, label=flow_run.requested_by_label)
    run, opened = record_run(actor=requester, run_id=run_id, order=order, assignment=assignment, now=now)
    FlowStepRun.objects.create(step=row, run=run, number=row.tries.count() + 1, because=because, opened_at=now)
    told = {**opened.data, "flow_run": str(flow_run.pk), "step": step.name, "try": str(because)}
    # What the flow does by itself nobody did: the run says who asked for it.
    return Opened(run=run, entries=[*entries, replace(opened, actor=SYSTEM, data=told)])


def _order(flow_run: FlowRun, step: Step, row: FlowRunStep, now: datetime) -> tuple[RunOrder, str]:
    """The order, and why it cannot be carried out where it cannot: its task is then empty."""
    order = RunOrder(
        task_type=step.task_type,
        task=row.input,
        domain=flow_run.flow_version.flow.domain,
        token_budget=step.token_budget,
        cost_budget=step.cost_budget,
        most_attempts=step.most_attempts,
        snapshot_at=flow_run.snapshot_at,
    )
    if row.input is None:
        return replace(order, task={}), "What was handed on is null, and no task is that."
    try:
        check_order(order, now=now)
    except InvalidInput as error:
        return replace(order, task={}), f"What was handed on cannot be a task: {error.detail}"
    return order, ""


def _fixed(agent: str, contract: str) -> Assignment:
    """The agent that the step names, if it holds the contract and has the context for it now."""
    held = held_contract(agent=agent, contract=contract)
    if held is None:
        because = f"{agent} is not sanctioned, or does not hold {contract} any more."
        return Assignment(state=RunState.REFUSED, because=because)
    context = contexts_of([(agent, contract)], candidates_of([agent], load=False, budget=False)).get((agent, contract))
    if context is None or not context.complete:
        gaps = context.gaps if context is not None else ()
        because = f"{held[0].name} does not have the context that {contract} requires."
        return Assignment(state=RunState.REFUSED, contract_version=held[1], because=because, gaps=gaps)
    return Assignment(agent=held[0], contract_version=held[1], because="The flow names this agent.")


def _routed(
    step: Step, task: Any, *, run_id: str, asker: tuple[Principal, str], now: datetime
) -> tuple[Assignment, list[ledger.Entry]]:
    principal, name = asker
    question = Question(task=task, task_type=step.task_type, rule_set=step.rule_set or None, run=run_id)
    try:
        answer = ask(principal=principal, name=name, question=question, now=now)
    except DomainError as error:
        return Assignment(state=RunState.REFUSED, because=f"It could not be routed: {error.detail}"), []
    decision, entry = keep_decision(principal=principal, answer=answer, run=run_id, now=now)
    return assignment_of(decision.outcome), [entry]


def _with_other(assignment: Assignment, failure: Failure | None, step: Step) -> Assignment:
    """The other agent of the step's failure mode comes after the route's own fallbacks."""
    if failure is None or failure.do != "other_agent" or assignment.agent is None:
        return assignment
    other = {"agent": failure.agent, "contract": failure.contract or step.contract}
    return replace(assignment, fallbacks=[*assignment.fallbacks, other])


def _current(contract: str) -> ContractVersion | None:
    found = ContextContract.objects.select_related("current_version__contract").filter(slug=contract).first()
    return found.current_version if found is not None else None


def _if_input_fits(assignment: Assignment, task: Any) -> Assignment:
    """Refused where the contract takes no such task: no agent could be served for it."""
    version = assignment.contract_version
    if assignment.agent is None or version is None or version.task_schema is None:
        return assignment
    found = kinds.violations(task, version.task_schema, root="task")
    if not found:
        return assignment
    because = f"What was handed on does not fit {version.contract.name}: {found[0].field}: {found[0].message}"
    return Assignment(state=RunState.REFUSED, contract_version=version, because=because[:2_000])
