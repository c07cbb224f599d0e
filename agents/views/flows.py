"""The pages of flows: how does context flow, and where would it break? Must hold no rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from agents.flows.definition import definition_of
from agents.flows.mapping import map_of
from agents.flows.reading import find_flow, waiting_marked
from agents.flows.record import RECORD
from agents.flows.starting import start_flow
from agents.models import Flow, FlowRun, FlowRunState
from agents.use import visible_agents
from agents.views.flow_map import COMPACT_FROM, VERDICTS, counts_in_words, draw_map, state_of
from agents.views.routes import may_propose_some, problems_by_level
from context.errors import DomainError, NotFound, NotPermitted
from context.views.pages import PageRequest, page
from context.views.paging import page_of
from governance.changes import create_change
from governance.edits import EditInput
from governance.forms.edit_form import said
from governance.models import Change, ChangeState, Edit, Operation

LATELY = timedelta(days=30)
SHOWN = 12
FLOWS_ON_A_PAGE = 50


@require_GET
@page
def flows(request: PageRequest) -> HttpResponse:
    """The flows one may know of, with what is under way in each."""
    now = timezone.now()
    found = Flow.objects.visible_to(request.principal).filter(current_version__isnull=False)
    found = found.select_related("owner", "domain", "current_version").order_by("retired_at", "name")
    shown = page_of(request, found, FLOWS_ON_A_PAGE)
    runs = FlowRun.objects.visible_to(request.principal)
    counted = {
        row["flow_version__flow"]: row
        for row in runs.filter(flow_version__flow__in=[each.pk for each in shown.object_list])
        .order_by()
        .values("flow_version__flow")
        .annotate(
            running=Count("pk", filter=Q(state=FlowRunState.RUNNING)),
            succeeded=Count("pk", filter=Q(state=FlowRunState.SUCCEEDED, ended_at__gte=now - LATELY)),
            failed=Count("pk", filter=Q(state=FlowRunState.FAILED, ended_at__gte=now - LATELY)),
        )
    }
    context = {
        "page": shown,
        "rows": [(each, definition_of(each.current_version.payload), counted.get(each.pk, {})) for each in shown],
        "running": runs.filter(state=FlowRunState.RUNNING).count(),
        "may_propose": may_propose_some(request.principal),
    }
    return render(request, "agents/flows.html", context)


@require_GET
@page
def flow(request: PageRequest, slug: str) -> HttpResponse:
    """One flow: its map with what would break it now, its steps in words, and what was started lately."""
    return _show(request, find_flow(principal=request.principal, slug=slug))


@require_POST
@page
def start(request: PageRequest, slug: str) -> HttpResponse:
    """Start the flow with what was typed."""
    found = find_flow(principal=request.principal, slug=slug)
    typed = request.POST.get("input", "")
    try:
        value = json.loads(typed)
    except ValueError as error:
        return _show(request, found, status=422, error=f"This is no JSON: {error}.", typed=typed)
    try:
        started = start_flow(
            actor=request.principal, name=request.user.get_username(), slug=slug, value=value, now=timezone.now()
        )
    except (NotFound, NotPermitted):
        raise
    except DomainError as error:
        return _show(request, found, status=error.status, error=said(error), typed=typed)
    messages.success(request, "Started. It is on record, and goes on by itself.")
    return HttpResponseRedirect(reverse("agents:flow-run", args=[started.pk]))


@require_POST
@page
def retire(request: PageRequest, slug: str) -> HttpResponse:
    """Propose that it is started no more."""
    edit = EditInput(operation=Operation.RETIRE, record=RECORD.name, key=slug)
    return _propose(request, slug, edit, title=f"Retire the flow {slug}", reason=request.POST.get("reason", ""))


@require_POST
@page
def revert(request: PageRequest, slug: str, number: int) -> HttpResponse:
    """Propose to return to an older version."""
    edit = EditInput(operation=Operation.REVERT, record=RECORD.name, key=slug, revert_to=number)
    reason = request.POST.get("reason", "") or f"Version {number} is to be in force again."
    return _propose(request, slug, edit, title=f"Return the flow {slug} to version {number}", reason=reason)


def _propose(request: PageRequest, slug: str, edit: EditInput, *, title: str, reason: str) -> HttpResponse:
    find_flow(principal=request.principal, slug=slug)
    try:
        change = create_change(actor=request.user, title=title[:200], reason=reason, edits=[edit], now=timezone.now())
    except (NotFound, NotPermitted):
        raise
    except DomainError as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(reverse("agents:flow", args=[slug]))
    messages.success(request, "Drafted. Read what it would do, then submit it for review.")
    return HttpResponseRedirect(reverse("governance:change", args=[change.pk]))


def _show(request: PageRequest, found: Flow, *, status: int = 200, **more: Any) -> HttpResponse:
    principal, now = request.principal, timezone.now()
    version = found.current_version
    if version is None:
        raise NotFound("There is no such flow.")
    mine = set(visible_agents(principal).values_list("slug", flat=True))
    drawn = map_of(principal=principal, flow=found, now=now)
    definition = definition_of(version.payload)
    labels = {each.name: each.label for each in drawn.steps}
    started = FlowRun.objects.visible_to(principal).filter(flow_version__flow=found)
    context = {
        "now": now,
        "flow": found,
        "version": version,
        "map": drawn,
        "drawing": draw_map(drawn, known_agents=mine),
        "rows": [
            {
                "step": each,
                "waits_for": [(name, labels.get(name, name)) for name in definition.step(each.name).after],
                "state": state_of(each),
                "counts": counts_in_words(each),
                "handed": [
                    (edge, labels.get(edge.source, "what it is started with"), VERDICTS[edge.verdict])
                    for edge in drawn.edges
                    if edge.target == each.name
                ],
            }
            for each in drawn.steps
        ],
        "ends": [
            (edge, labels.get(edge.source, edge.source.replace(":", " ")), VERDICTS[edge.verdict])
            for edge in drawn.edges
            if edge.target in ("input", "output")
        ],
        "many": len(drawn.steps) >= COMPACT_FROM,
        "breaks": sum(1 for each in drawn.steps if each.holds is False),
        "problems": problems_by_level(list(drawn.problems)),
        "mine": mine,
        "started": list(waiting_marked(started).order_by("-created_at", "-pk")[:SHOWN]),
        "ever": started.count(),
        "versions": found.versions.order_by("-number")[:20],
        "may_propose": found.retired_at is None
        and RECORD.may_propose(principal, RECORD.states([found.slug])[found.slug].facets, new=False),
        "drafts": open_edits(request, found.slug),
        "schema": json.dumps(version.payload["input_schema"], ensure_ascii=False, indent=2),
        "typed": json.dumps(example_of(version.payload["input_schema"]), ensure_ascii=False, indent=2),
        **more,
    }
    return render(request, "agents/flow.html", context, status=status)


def open_edits(request: PageRequest, slug: str) -> list[Edit]:
    """Proposals of this flow that are under way and that this person may read."""
    changes = Change.objects.visible_to(request.principal).filter(state__in=ChangeState.open_states())
    found = Edit.objects.filter(record=RECORD.name, key=slug, change__in=changes)
    return list(found.select_related("change__author"))


def example_of(schema: Any) -> Any:
    """The barest value of that shape, to be filled in: what is required, empty."""
    if not isinstance(schema, Mapping):
        return {}
    if "default" in schema or "const" in schema:
        return schema.get("default", schema.get("const"))
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = next((each for each in kind if each != "null"), None) if isinstance(kind, list) else kind
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties")
        named = properties if isinstance(properties, Mapping) else {}
        return {name: example_of(named.get(name)) for name in schema.get("required") or []}
    return {"string": "", "number": 0, "integer": 0, "boolean": False, "array": []}.get(str(kind), {})
