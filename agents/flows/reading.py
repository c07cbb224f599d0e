"""How flows and started flows read to one principal: what is above their clearance is withheld; must not write."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, QuerySet

from agents.flows.definition import definition_of
from agents.models import Flow, FlowEvent, FlowRun, FlowRunStep, FlowStepRun, FlowVersion, Run, RunState
from context.access import Principal
from context.digests import iso
from context.errors import NotFound
from context.models import Sensitivity

FOR_PEOPLE = (RunState.WAITS_FOR_PERSON, RunState.IN_REVIEW)


def find_flow(*, principal: Principal, slug: str) -> Flow:
    """The flow, retired or not, if the principal may know of it."""
    found = (
        Flow.objects.visible_to(principal)
        .select_related("owner", "domain", "current_version")
        .filter(slug=slug, current_version__isnull=False)
        .first()
    )
    if found is None:
        raise NotFound("There is no such flow.")
    return found


def find_flow_run(*, principal: Principal, flow_run_id: UUID) -> FlowRun:
    """The started flow, if it is the principal's to see."""
    found = waiting_marked(FlowRun.objects.visible_to(principal)).filter(pk=flow_run_id).first()
    if found is None:
        raise NotFound("There is no such flow run.")
    return found


def waiting_marked(found: QuerySet[FlowRun]) -> QuerySet[FlowRun]:
    """The same with `waits_for_person`: whether a run of theirs waits for a decision."""
    waiting = Run.objects.filter(flow_try__step__flow_run=OuterRef("pk"), state__in=FOR_PEOPLE)
    return found.select_related("flow_version__flow").annotate(waits_for_person=Exists(waiting))


def flow_as_json(flow: Flow, *, whole: bool = False) -> dict[str, Any]:
    """A flow as it stands; `whole` with all that its version says."""
    version = flow.current_version
    if version is None:
        raise ValueError("a flow that is shown has a version")
    told = {
        "slug": flow.slug,
        "name": flow.name,
        "purpose": flow.purpose,
        "owner": flow.owner.display_name,
        "domain": flow.domain.slug if flow.domain else None,
        "sensitivity": Sensitivity(flow.sensitivity).word,
        "version": version.number,
        "digest": version.digest,
        "published_at": iso(version.published_at),
        "retired_at": iso(flow.retired_at) if flow.retired_at else None,
    }
    if whole:
        told |= {name: version.payload[name] for name in ("input_schema", "steps", "output", "triggers")}
    return told


def version_as_json(version: FlowVersion, *, whole: bool = False) -> dict[str, Any]:
    """One version, by which change and whose approval it came."""
    told = {
        "number": version.number,
        "digest": version.digest,
        "change": version.change_id,
        "author": version.author_label,
        "approved_by": [str(each.get("person", "")) for each in version.approvals],
        "published_at": iso(version.published_at),
    }
    return {**told, "payload": version.payload} if whole else told


def summary_of(flow_run: FlowRun) -> dict[str, Any]:
    """A started flow in a list: no text."""
    return {
        "id": str(flow_run.pk),
        "flow": flow_run.flow_version.flow.slug,
        "flow_version": flow_run.flow_version.number,
        "state": flow_run.state,
        "waits_for_person": bool(getattr(flow_run, "waits_for_person", False)),
        "requested_by": flow_run.requested_by_label,
        "snapshot_at": iso(flow_run.snapshot_at),
        "created_at": iso(flow_run.created_at),
        "ended_at": iso(flow_run.ended_at) if flow_run.ended_at else None,
    }


def flow_run_as_json(*, principal: Principal, flow_run: FlowRun) -> dict[str, Any]:
    """The started flow with its steps and the runs of each. Five queries, whatever the number of steps."""
    definition = definition_of(flow_run.flow_version.payload)
    rows = FlowRunStep.objects.filter(flow_run=flow_run).order_by("position")
    tries: dict[int, list[FlowStepRun]] = {}
    for each in FlowStepRun.objects.filter(step__flow_run=flow_run).select_related("run__agent").order_by("number"):
        tries.setdefault(each.step_id, []).append(each)
    highest = Run.objects.filter(flow_try__step__flow_run=flow_run).aggregate(most=Max("sensitivity"))["most"] or 0
    readable = principal.kind == "system" or highest <= principal.clearance
    theirs = (principal.kind, principal.id) == (flow_run.requested_by_kind, flow_run.requested_by_id)
    known = set(
        Run.objects.visible_to(principal).filter(flow_try__step__flow_run=flow_run).values_list("pk", flat=True)
    )
    event = FlowEvent.objects.filter(flow_run=flow_run).first()
    steps = []
    for row in rows:
        step = definition.step(row.name)
        steps.append(
            {
                "name": row.name,
                "label": step.label,
                "state": row.state,
                "after": list(step.after),
                "task_type": step.task_type,
                "contract": step.contract,
                "input": row.input if readable else None,
                "started_at": iso(row.started_at) if row.started_at else None,
                "ended_at": iso(row.ended_at) if row.ended_at else None,
                "runs": [_try(each, readable and each.run_id in known) for each in tries.get(row.pk, ())],
            }
        )
    return {
        **summary_of(flow_run),
        "trigger": event.trigger if event is not None else None,
        "event": event.event_id if event is not None else None,
        "withheld": not readable,
        "input": flow_run.input if readable or theirs else None,
        "output": flow_run.output if readable else None,
        "reasons": flow_run.reasons if readable else [],
        "steps": steps,
    }


def _try(tried: FlowStepRun, known: bool) -> dict[str, Any]:
    run = tried.run
    return {
        "number": tried.number,
        "because": tried.because,
        "state": run.state,
        "run": str(run.pk) if known else None,
        "agent": run.agent.slug if run.agent and known else None,
        "why": str(run.reasons[-1].get("detail", "")) if run.reasons and known else "",
        "opened_at": iso(tried.opened_at),
        "ended_at": iso(run.ended_at) if run.ended_at else None,
    }
