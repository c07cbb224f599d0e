"""The findings of drift: where is our context wrong, and who sees to it? Must not detect or judge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from context.errors import DomainError, NotFound
from context.views.pages import PageRequest, page
from governance.drift.findings import (
    acknowledge_finding,
    dismiss_finding,
    except_finding,
    finding_of,
    resolve_finding,
)
from governance.drift.settling import may_settle
from governance.forms.edit_form import said
from governance.models import Finding, FindingState, Severity

PAGE_SIZE = 50


@require_GET
@page
def findings(request: PageRequest) -> HttpResponse:
    """The findings that ask for something, the gravest first; the settled ones on request."""
    visible = Finding.objects.visible_to(request.principal)
    state = request.GET.get("state", "")
    found = visible.filter(state=state) if state in FindingState.values else visible.unsettled()
    severities = dict(visible.unsettled().order_by().values_list("severity").annotate(n=Count("pk")))
    asked = request.GET.get("page", "1")
    paginator = Paginator(found.select_related("owner", "domain").order_by("-severity", "due_at", "pk"), PAGE_SIZE)
    context = {
        "now": timezone.now(),
        "state": state,
        "states": FindingState.choices,
        "findings": paginator.get_page(asked if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1),
        "unsettled": sum(severities.values()),
        "grave": sum(count for level, count in severities.items() if level >= Severity.HIGH),
    }
    return render(request, "governance/findings.html", context)


@require_GET
@page
def finding(request: PageRequest, number: int) -> HttpResponse:
    """One finding with its evidence, and what may be done about it."""
    found = finding_of(principal=request.principal, finding_id=number)
    context = {
        "now": timezone.now(),
        "finding": found,
        "evidence": list(found.evidence.items()),
        "may_settle": may_settle(request.principal, found),
        "is_open": found.state in FindingState.open_states(),
    }
    return render(request, "governance/finding.html", context)


@require_POST
@page
def settle(request: PageRequest, number: int) -> HttpResponse:
    """Acknowledge, resolve, dismiss or set aside: one call each."""
    now = timezone.now()
    reason = request.POST.get("reason", "")
    until = _day(request.POST.get("until", ""))
    actor = request.principal
    steps: dict[str, Callable[[], Finding]] = {
        "acknowledge": lambda: acknowledge_finding(actor=actor, finding_id=number, now=now),
        "resolve": lambda: resolve_finding(actor=actor, finding_id=number, reason=reason, now=now),
        "dismiss": lambda: dismiss_finding(actor=actor, finding_id=number, reason=reason, now=now),
        "except": lambda: except_finding(actor=actor, finding_id=number, reason=reason, until=until or now, now=now),
    }
    step = steps.get(request.POST.get("step", ""))
    if step is None:
        raise NotFound("There is no such step.")
    try:
        step()
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, "Recorded.")
    return HttpResponseRedirect(reverse("governance:finding", args=[number]))


def _day(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time.min, tzinfo=UTC)
    except ValueError:
        return None
