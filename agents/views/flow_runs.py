"""The page of one started flow: how far is it, and what waits for whom? Must hold no rule."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from agents.flows.reading import find_flow_run, flow_run_as_json, waiting_marked
from agents.flows.starting import cancel_flow_run, may_cancel
from agents.models import Flow, FlowRun, FlowRunState, RunState
from agents.runs.reviewing import awaiting
from agents.templatetags.runs import Bar, seconds
from context.errors import DomainError, NotFound
from context.moments import moment_of
from context.views.pages import PageRequest, page
from context.views.paging import page_of
from governance.forms.edit_form import said

ON_A_PAGE = 50
WAITS = {
    RunState.QUEUED: "waits for its agent",
    RunState.WAITS_FOR_CONTEXT: "waits for context",
    RunState.WAITS_FOR_PERSON: "waits for a person",
    RunState.IN_REVIEW: "waits for a person to review its output",
    RunState.PAUSED: "is paused",
}


@require_GET
@page
def flow_runs(request: PageRequest) -> HttpResponse:
    """The started flows one may see, newest first."""
    visible = FlowRun.objects.visible_to(request.principal)
    state, slug = request.GET.get("state", ""), request.GET.get("flow", "")[:60]
    found = waiting_marked(visible).order_by("-created_at", "-pk")
    if state in FlowRunState.values:
        found = found.filter(state=state)
    if slug:
        found = found.filter(flow_version__flow__slug=slug)
    context = {
        "page": page_of(request, found, ON_A_PAGE),
        "state": state if state in FlowRunState.values else "",
        "slug": slug,
        "states": FlowRunState.choices,
        "flows": Flow.objects.filter(versions__runs__in=visible).distinct().order_by("name"),
        "running": visible.filter(state=FlowRunState.RUNNING).count(),
        "narrowed": bool(state or slug),
    }
    return render(request, "agents/flow_runs.html", context)


@require_GET
@page
def flow_run(request: PageRequest, flow_run_id: UUID) -> HttpResponse:
    """One started flow: its steps on a line of time, and what waits for whom."""
    return _show(request, find_flow_run(principal=request.principal, flow_run_id=flow_run_id))


@require_POST
@page
def cancel(request: PageRequest, flow_run_id: UUID) -> HttpResponse:
    """Stop it for good, with its open runs."""
    found = find_flow_run(principal=request.principal, flow_run_id=flow_run_id)
    try:
        cancel_flow_run(
            actor=request.principal,
            flow_run_id=flow_run_id,
            reason=request.POST.get("reason", ""),
            now=timezone.now(),
        )
    except NotFound:
        raise
    except DomainError as error:
        return _show(request, found, status=error.status, error=said(error))
    messages.success(request, "Cancelled, with the runs that were open.")
    return HttpResponseRedirect(reverse("agents:flow-run", args=[flow_run_id]))


def _show(request: PageRequest, found: FlowRun, *, status: int = 200, **more: Any) -> HttpResponse:
    principal, now = request.principal, timezone.now()
    told = flow_run_as_json(principal=principal, flow_run=found)
    mine = {
        str(pk)
        for pk in awaiting(principal).order_by().filter(flow_try__step__flow_run=found).values_list("pk", flat=True)
    }
    waits = []
    for step in told["steps"]:
        for each in step["runs"]:
            if step["state"] == "running" and each["state"] in WAITS and not each["ended_at"]:
                waits.append({"step": step, "run": each, "how": WAITS[each["state"]], "mine": each["run"] in mine})
    steps = [
        {**step, "begun": _moment(step["started_at"]), "over": _moment(step["ended_at"])} for step in told["steps"]
    ]
    for step in steps:
        both = step["begun"] is not None and step["over"] is not None
        step["took"] = seconds((step["over"] - step["begun"]).total_seconds()) if both else ""
    context = {
        "now": now,
        "flow_run": found,
        "flow": found.flow_version.flow,
        "version": found.flow_version,
        "told": told,
        "steps": steps,
        "bars": [
            Bar(
                label=step["label"],
                begun=step["begun"],
                ended=step["over"],
                state={"running": "started", "failed": "failed", "cancelled": "failed"}.get(step["state"], "done"),
            )
            for step in steps
            if step["begun"] is not None
        ],
        "done": sum(step["state"] == "succeeded" for step in steps),
        "waits": waits,
        "output": _pretty(told["output"]) if told["output"] is not None else "",
        "input": _pretty(told["input"]) if told["input"] is not None else "",
        "may_cancel": not found.ended and may_cancel(actor=principal, flow_run=found),
        **more,
    }
    return render(request, "agents/flow_run.html", context, status=status)


def _moment(text: str | None) -> Any:
    return moment_of(text) if text else None


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
