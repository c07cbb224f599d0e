"""How a run reads to one principal: what is above their clearance is withheld and said to be; must not write."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from agents.models import HandOff, Run, RunBundle, RunStep
from context.access import Principal
from context.digests import iso
from context.errors import NotFound


def find_run(*, principal: Principal, run_id: UUID) -> Run:
    """The run, if it is the principal's to see."""
    found = (
        Run.objects.visible_to(principal)
        .select_related("agent", "contract_version__contract", "domain")
        .filter(pk=run_id)
        .first()
    )
    if found is None:
        raise NotFound("There is no such run.")
    return found


def may_read(*, principal: Principal, run: Run) -> bool:
    """Whether the texts of the run are within the principal's clearance."""
    return principal.kind == "system" or run.sensitivity <= principal.clearance


def summary_of(run: Run) -> dict[str, Any]:
    """A run in a list: no text of its context."""
    version = run.contract_version
    return {
        "id": str(run.pk),
        "task_type": run.task_type,
        "state": run.state,
        "agent": run.agent.slug if run.agent else None,
        "contract": version.contract.slug if version else None,
        "contract_version": version.number if version else None,
        "domain": run.domain.slug if run.domain else None,
        "requested_by": run.requested_by_label,
        "attempt": run.attempt,
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "cost": str(run.cost),
        "created_at": iso(run.created_at),
        "ended_at": iso(run.ended_at) if run.ended_at else None,
    }


def run_as_json(*, principal: Principal, run: Run) -> dict[str, Any]:
    """The whole run with its steps, bundles and hand-offs. Four queries."""
    readable = may_read(principal=principal, run=run)
    bundles = RunBundle.objects.filter(run=run).select_related("agent").order_by("pk")
    hand_offs = HandOff.objects.filter(run=run).select_related("from_agent", "to_agent").order_by("pk")
    return {
        **summary_of(run),
        "snapshot_at": iso(run.snapshot_at),
        "most_attempts": run.most_attempts,
        "not_before": iso(run.not_before),
        "due_at": iso(run.due_at) if run.due_at else None,
        "token_budget": run.token_budget,
        "cost_budget": str(run.cost_budget) if run.cost_budget is not None else None,
        "fallbacks": run.fallbacks,
        "withheld": not readable,
        "task": run.task if readable else None,
        "output": run.output if readable else None,
        "output_digest": run.output_digest or None,
        "reasons": run.reasons if readable else [],
        "bundles": [
            {"digest": each.bundle_id, "agent": each.agent.slug, "given_at": iso(each.given_at)} for each in bundles
        ],
        "hand_offs": [
            {
                "from": each.from_agent.slug,
                "to": each.to_agent.slug,
                "reason": each.reason if readable else "",
                "payload": each.payload if readable else None,
                "at": iso(each.handed_at),
            }
            for each in hand_offs
        ],
        "steps": [step_as_json(step, readable=readable) for step in RunStep.objects.filter(run=run).order_by("pk")],
    }


def step_as_json(step: RunStep, *, readable: bool) -> dict[str, Any]:
    """One step. `operation` is OpenTelemetry's gen_ai.operation.name."""
    return {
        "key": step.key,
        "operation": step.operation,
        "name": step.name,
        "state": step.state,
        "input": step.input if readable else None,
        "output": step.output if readable else None,
        "error": step.error if readable else None,
        "tool_calls": step.tool_calls if readable else [],
        "attributes": step.attributes if readable else {},
        "model": step.model,
        "input_tokens": step.input_tokens,
        "output_tokens": step.output_tokens,
        "cost": str(step.cost),
        "started_at": iso(step.started_at),
        "ended_at": iso(step.ended_at) if step.ended_at else None,
        "digest": step.digest,
    }
