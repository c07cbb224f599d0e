"""The pages of runs: what happened, at what cost, and what must a person decide? Must hold no rule."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Avg, Count, F, Q, Sum
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from agents.models import (
    FINAL_STATES,
    Agent,
    Decision,
    RecallCase,
    RecallEntry,
    RecallEntryState,
    Run,
    RunReview,
    RunState,
    StepState,
)
from agents.runs.finishing import cancel_run
from agents.runs.pausing import CHOICES, moved_texts, pause_run_of_another, resume_run
from agents.runs.reading import find_run, may_read
from agents.runs.review_evidence import findings_of
from agents.runs.reviewing import WAITING, awaiting, awaiting_or_decided
from agents.runs.steering import may_steer
from agents.views.outputs import OutputDrawing
from context.digests import canonical
from context.errors import DomainError, NotFound
from context.views.pages import PageRequest, page
from context.views.paging import page_of
from governance.forms.edit_form import said

LATELY = timedelta(days=30)
ON_A_PAGE = 50
MOST_PAGES = 200
STEPS_ON_A_PAGE = 50


@require_GET
@page
def runs(request: PageRequest) -> HttpResponse:
    """The runs one may see, newest first, narrowed by a sentence of filters."""
    now = timezone.now()
    visible = Run.objects.visible_to(request.principal)
    state, agent, task_type = (request.GET.get(name, "")[:60] for name in ("state", "agent", "type"))
    found = visible.select_related("agent", "contract_version__contract").order_by("-id")
    if state in RunState.values:
        found = found.filter(state=state)
    if agent:
        found = found.filter(agent__slug=agent)
    if task_type:
        found = found.filter(task_type=task_type)
    number = request.GET.get("page", "1")
    paginator = Paginator(found, ON_A_PAGE)
    shown = paginator.get_page(number if number.isdigit() and int(number) <= MOST_PAGES else 1)
    lately = visible.filter(created_at__gte=now - LATELY)
    figures = lately.aggregate(
        all=Count("pk"),
        succeeded=Count("pk", filter=Q(state=RunState.SUCCEEDED)),
        stopped=Count("pk", filter=Q(state__in=(RunState.FAILED, RunState.REFUSED))),
        cost=Sum("cost"),
        lasted=Avg(F("ended_at") - F("created_at")),
    )
    context = {
        "now": now,
        "page": shown,
        "figures": figures,
        "going": visible.exclude(state__in=FINAL_STATES).count(),
        "waiting": awaiting(request.principal).count(),
        "state": state,
        "agent": agent,
        "task_type": task_type,
        "states": RunState.choices,
        "agents": Agent.objects.filter(runs__in=visible).distinct().order_by("name"),
        "types": visible.order_by("task_type").values_list("task_type", flat=True).distinct()[:100],
        "narrowed": bool(state or agent or task_type),
    }
    return render(request, "agents/runs.html", context)


@require_GET
@page
def run(request: PageRequest, run_id: UUID) -> HttpResponse:
    """One run: its way, its steps and their cost, what it was given, its output and what was found in it."""
    return _show(request, find_run(principal=request.principal, run_id=run_id))


@require_POST
@page
def steer(request: PageRequest, run_id: UUID) -> HttpResponse:
    """Pause, resume or cancel."""
    verb, reason = request.POST.get("verb", ""), request.POST.get("reason", "")
    subject = find_run(principal=request.principal, run_id=run_id)
    now = timezone.now()
    try:
        if verb == "cancel":
            cancel_run(actor=request.principal, run_id=run_id, reason=reason, now=now)
        elif verb == "pause":
            pause_run_of_another(actor=request.principal, run_id=run_id, reason=reason, now=now)
        else:
            resume_run(actor=request.principal, run_id=run_id, choice=request.POST.get("choice", ""), now=now)
    except NotFound:
        raise
    except DomainError as error:
        return _show(request, subject, status=error.status, error=said(error))
    messages.success(request, {"cancel": "Cancelled.", "pause": "Paused."}.get(verb, "Resumed."))
    return HttpResponseRedirect(reverse("agents:run", args=[run_id]))


def _show(request: PageRequest, subject: Run, *, status: int = 200, **more: Any) -> HttpResponse:
    principal = request.principal
    now = timezone.now()
    readable = may_read(principal=principal, run=subject)
    decides = awaiting_or_decided(principal, subject) and readable
    steers = may_steer(actor=principal, run=subject)
    paused = subject.state == RunState.PAUSED
    output, drawn = None, None
    version = subject.contract_version
    if readable and subject.output_digest:
        output = subject.output if isinstance(subject.output, str) else _pretty(subject.output)
        drawn = OutputDrawing(subject.output, [], version.output_schema if version is not None else None).html
    steps = subject.steps.select_related("lease__agent").order_by("pk")
    failed = steps.filter(state=StepState.FAILED).count()
    only_failed = bool(failed) and request.GET.get("steps") == "failed"
    shown = page_of(request, steps.filter(state=StepState.FAILED) if only_failed else steps, STEPS_ON_A_PAGE)
    context = {
        "now": now,
        "run": subject,
        "readable": readable,
        "task": _pretty(subject.task) if readable else "",
        "task_drawn": OutputDrawing(subject.task, [], version.task_schema if version is not None else None).html
        if readable
        else None,
        "output": output,
        "drawn": drawn,
        "page": shown,
        "steps": list(shown.object_list),
        "steps_in_all": steps.count(),
        "failed": failed,
        "only_failed": only_failed,
        "leases": list(subject.leases.select_related("agent").order_by("number")),
        "bundles": list(subject.bundles.select_related("bundle", "agent").order_by("pk")),
        "hand_offs": list(subject.hand_offs.select_related("from_agent", "to_agent")),
        "reviews": list(RunReview.objects.filter(run=subject).select_related("reviewer")),
        "decisions": list(Decision.objects.visible_to(principal).filter(run=str(subject.pk)).order_by("pk")),
        "failing": findings_of(subject) if readable else [],
        "recalls": _recalls_of(request, subject),
        "waits": decides and subject.state in WAITING,
        "may_steer": steers and not subject.ended,
        "may_pause": steers and subject.state in (RunState.QUEUED, RunState.RUNNING),
        "paused": paused and steers,
        "moved": moved_texts(run=subject, principal=principal, now=now) if paused and steers else [],
        "choices": CHOICES,
        **more,
    }
    return render(request, "agents/run.html", context, status=status)


def _recalls_of(request: PageRequest, subject: Run) -> list[RecallEntry]:
    """The open recalls that name the run, of those the person may see."""
    cases = RecallCase.objects.visible_to(request.principal).filter(closed_at__isnull=True)
    found = RecallEntry.objects.filter(run=subject, state=RecallEntryState.OPEN, case__in=cases)
    return list(found.select_related("case__version"))


def _pretty(value: Any) -> str:
    return json.dumps(json.loads(canonical(value)), ensure_ascii=False, indent=2)
