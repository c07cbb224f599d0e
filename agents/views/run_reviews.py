"""The pages of human review: which outputs wait for me, and should this one stand? Must hold no rule."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.models import Agent, Run, RunReview, RunReviewDecision, RunState
from agents.runs.reading import find_run, may_read
from agents.runs.review_evidence import earlier_of, findings_of, texts_of
from agents.runs.reviewing import WAITING, RunDecision, awaiting, awaiting_or_decided, review_run
from agents.views.outputs import OutputDrawing
from context.digests import canonical
from context.errors import DomainError, NotFound
from context.markdown import render as render_markdown
from context.restricted_reads import of_version, record_restricted
from context.views.pages import PageRequest, page
from context.views.paging import page_of
from governance.forms.edit_form import said

ON_A_PAGE = 50
QUEUE_WALKED = 1_000
TYPED = ("decision", "comment", "digest", "output", "to")


@require_GET
@page
def queue(request: PageRequest) -> HttpResponse:
    """Everything that waits for this person's decision, what is due first at the top."""
    now = timezone.now()
    waiting = awaiting(request.principal)
    kind, agent = request.GET.get("kind", ""), request.GET.get("agent", "")[:60]
    figures = waiting.order_by().aggregate(
        all=Count("pk"),
        outputs=Count("pk", filter=Q(state=RunState.IN_REVIEW)),
        stopped=Count("pk", filter=Q(state=RunState.WAITS_FOR_PERSON)),
        overdue=Count("pk", filter=Q(due_at__lt=now)),
    )
    states = {"outputs": RunState.IN_REVIEW, "stopped": RunState.WAITS_FOR_PERSON}
    found = waiting.filter(state=states[kind]) if kind in states else waiting
    if agent:
        found = found.filter(agent__slug=agent)
    shown = page_of(request, found, ON_A_PAGE)
    context = {
        "now": now,
        "figures": figures,
        "kind": kind if kind in states else "",
        "agent": agent,
        "agents": Agent.objects.filter(pk__in=waiting.order_by().values("agent")).order_by("name"),
        "page": shown,
        "rows": [(run, _why(run)) for run in shown.object_list],
    }
    return render(request, "agents/review_queue.html", context)


@page
def review(request: PageRequest, run_id: UUID) -> HttpResponse:
    """One output with the evidence beside it, and the decision on exactly that output."""
    subject = find_run(principal=request.principal, run_id=run_id)
    if request.method != "POST":
        return _show(request, subject)
    typed = {name: request.POST.get(name, "") for name in TYPED}
    agent, _, contract = typed["to"].partition("/")
    following = _neighbours(request, subject)["next"]
    try:
        output = _typed_output(typed["output"]) if typed["decision"] == RunReviewDecision.EDIT else None
        decided = review_run(
            actor=request.user,
            run_id=run_id,
            said=RunDecision(
                decision=typed["decision"],
                comment=typed["comment"],
                digest=typed["digest"],
                output=output,
                agent=agent,
                contract=contract,
            ),
            now=timezone.now(),
        )
    except NotFound as error:
        if error.field is None:
            raise
        return _show(request, subject, status=error.status, error=said(error), typed=typed)
    except DomainError as error:
        return _show(request, subject, status=error.status, error=said(error), typed=typed, broken=_broken(error))
    messages.success(request, f"Decided. The run: {decided.get_state_display().lower()}.")
    if request.POST.get("on") == "1" and following is not None:
        return HttpResponseRedirect(reverse("agents:review-run", args=[following]))
    return HttpResponseRedirect(reverse("agents:run", args=[run_id]))


def _show(request: PageRequest, subject: Run, *, status: int = 200, **more: Any) -> HttpResponse:
    principal, now = request.principal, timezone.now()
    readable = may_read(principal=principal, run=subject)
    decides = readable and awaiting_or_decided(principal, subject)
    found = findings_of(subject) if readable else []
    texts = texts_of(run=subject, principal=principal, found=found) if readable else []
    terms = subject.contract_version
    asked = (terms.task_schema, terms.output_schema) if terms is not None else (None, None)
    drawing = OutputDrawing(subject.output, found, asked[1]) if readable and subject.output_digest else None
    plain = ""
    if drawing is not None:
        plain = subject.output if isinstance(subject.output, str) else _pretty(subject.output)
    context = {
        "now": now,
        "run": subject,
        "readable": readable,
        "waits": decides and subject.state in WAITING,
        "drawing": drawing,
        "plain": plain,
        "found": [(each, drawing.anchor_of(each.place) if drawing is not None else "") for each in found],
        "rejecting": sum(each.rejects for each in found),
        "earlier": earlier_of(subject) if readable else [],
        "texts": len(texts),
        "near": [(each, render_markdown(each.text)) for each in texts if each.named or each.cited],
        "far": [(each, render_markdown(each.text)) for each in texts if not (each.named or each.cited)],
        "task": OutputDrawing(subject.task, (), asked[0]).html or _pretty(subject.task) if readable else "",
        "reviews": list(RunReview.objects.filter(run=subject).select_related("reviewer")),
        "takers": takers() if decides and subject.state in WAITING else [],
        **_neighbours(request, subject),
        **more,
    }
    response = render(request, "agents/review.html", context, status=status)
    shown = [of_version(each.version.item, each.version) for each in texts]
    record_restricted(principal=principal, texts=shown, how="run review", now=now)
    return response


def takers() -> list[tuple[str, str]]:
    """Each sanctioned agent under each of its contracts, as the form sends it and as it is called."""
    pairs = Agent.objects.filter(state="sanctioned", contracts__retired_at__isnull=True).order_by("name")
    return [
        (f"{slug}/{contract}", f"{name} under {called}")
        for slug, contract, name, called in pairs.values_list("slug", "contracts__slug", "name", "contracts__name")
        if contract
    ][:200]


def _neighbours(request: PageRequest, subject: Run) -> dict[str, Any]:
    """Where the run stands in this person's queue, and what comes before and after it there. One query."""
    ids = list(awaiting(request.principal).values_list("pk", flat=True)[:QUEUE_WALKED])
    if subject.pk not in ids:
        return {"at": 0, "of": len(ids), "previous": None, "next": ids[0] if ids else None}
    at = ids.index(subject.pk)
    after = ids[at + 1] if at + 1 < len(ids) else None
    return {"at": at + 1, "of": len(ids), "previous": ids[at - 1] if at else None, "next": after}


def _why(run: Run) -> str:
    """In a line, why it waits: the first thing found, and how many more there are; else the last that happened."""
    found = findings_of(run) if run.state == RunState.IN_REVIEW else []
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return f"{found[0].detail}{more}"
    return str(run.reasons[-1].get("detail", "")) if run.reasons else ""


def _broken(error: DomainError) -> list[dict[str, Any]]:
    """What a person's own output does not keep, where that is why it was not taken."""
    violations: list[dict[str, Any]] = error.extra.get("violations", [])
    return violations


def _typed_output(text: str) -> Any:
    """JSON where it is JSON, else the text itself; the contract's schema says what it has to be."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _pretty(value: Any) -> str:
    return json.dumps(json.loads(canonical(value)), ensure_ascii=False, indent=2)
