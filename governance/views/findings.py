"""The findings of drift: where is our context wrong, and who sees to it? Must not detect or judge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from context.errors import DomainError, InvalidInput, NotFound
from context.models import User
from context.views.pages import PageRequest, page
from context.views.panels import panels
from governance.drift.acting import may_settle
from governance.drift.board import Filters, board, choices, filtered
from governance.drift.detectors import detectors
from governance.drift.findings import finding_of
from governance.drift.holding import is_held
from governance.drift.remedies import confirmable, draft_remedy, hold_back, let_go, proposes, verify_findings
from governance.drift.settling import (
    acknowledge_findings,
    assign_findings,
    dismiss_findings,
    except_findings,
    resolve_findings,
)
from governance.forms.edit_form import said
from governance.models import ChangeState, Finding, FindingState, Severity
from governance.permissions import may_author
from governance.views.evidence import shown_evidence

PAGE_SIZE = 50
# What a bulk step is called when it is done.
DONE_WORDS = {
    "acknowledge": "taken in hand",
    "resolve": "resolved",
    "dismiss": "dismissed as wrong",
    "harmless": "dismissed as harmless",
    "except": "excepted",
    "assign": "assigned",
    "verify": "settled by confirming their texts",
}


@require_GET
@page
def findings(request: PageRequest) -> HttpResponse:
    """The findings that ask for something, by severity and owner; others by a sentence of filters."""
    now = timezone.now()
    known = choices(principal=request.principal)
    filters = _filters(request, known)
    found = filtered(principal=request.principal, filters=filters, now=now)
    found = found.select_related("owner", "domain").defer("evidence", "proposal")
    asked = request.GET.get("page", "1")
    paginator = Paginator(found, PAGE_SIZE)
    shown = paginator.get_page(asked if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1)
    context = {
        "now": now,
        "filters": filters,
        "choices": known,
        "severities": [(level.value, level.label) for level in reversed(Severity)],
        "findings": shown,
        "board": board(principal=request.principal, now=now),
        "people": User.objects.filter(is_active=True).order_by("first_name", "username")[:500],
        "here": request.get_full_path(),
    }
    return render(request, "governance/findings.html", context)


@require_GET
@page
def finding(request: PageRequest, number: int) -> HttpResponse:
    """One finding with its evidence, and what may be done about it."""
    return _show(request, finding_of(principal=request.principal, finding_id=number))


@require_POST
@page
def settle(request: PageRequest, number: int) -> HttpResponse:
    """One step with one finding."""
    if request.POST.get("step", "") not in (*DONE_WORDS, "hold", "let-go", "draft"):
        raise NotFound("There is no such step.")
    back = reverse("governance:finding", args=[number])
    try:
        leads = _step(request, [number])
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(back)
    if leads is None:
        messages.success(request, "Recorded.")
    return HttpResponseRedirect(leads or back)


@require_POST
@page
def settle_many(request: PageRequest) -> HttpResponse:
    """One step with all findings that were chosen: all of them, or none and the reason."""
    numbers = [int(each) for each in request.POST.getlist("finding") if each.isascii() and each.isdigit()]
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = reverse("governance:findings")
    if request.POST.get("step", "") not in (*DONE_WORDS, "draft"):
        raise NotFound("There is no such step.")
    try:
        leads = _step(request, numbers)
    except DomainError as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(back)
    if leads is None:
        done = DONE_WORDS[request.POST["step"]]
        messages.success(request, f"{len(set(numbers))} finding{'s' if len(set(numbers)) != 1 else ''} {done}.")
    return HttpResponseRedirect(leads or back)


def _step(request: PageRequest, numbers: list[int]) -> str | None:
    """Carry out the step with one domain call. Where it leads, if not back."""
    now, actor = timezone.now(), request.principal
    reason, until = request.POST.get("reason", ""), _day(request.POST.get("until", ""))
    named: dict[str, Any] = {"finding_ids": numbers, "now": now}
    steps: dict[str, Callable[[], object]] = {
        "acknowledge": lambda: acknowledge_findings(actor=actor, **named),
        "resolve": lambda: resolve_findings(actor=actor, reason=reason, **named),
        "dismiss": lambda: dismiss_findings(actor=actor, reason=reason, **named),
        "harmless": lambda: dismiss_findings(actor=actor, reason=reason, harmless=True, **named),
        "except": lambda: except_findings(actor=actor, reason=reason, until=until or now, **named),
        "assign": lambda: assign_findings(actor=actor, owner=_person(request.POST.get("owner", "")), **named),
        "verify": lambda: verify_findings(actor=request.user, **named),
        "hold": lambda: hold_back(actor=actor, finding_id=numbers[0], now=now),
        "let-go": lambda: let_go(actor=actor, finding_id=numbers[0], now=now),
    }
    if request.POST["step"] == "draft":
        change = draft_remedy(actor=request.user, **named)
        if change.edits.exists():
            return reverse("governance:change", args=[change.pk])
        about = finding_of(principal=actor, finding_id=numbers[0]).item
        return f"{reverse('governance:edit-item', args=about.key.split('/'))}?change={change.pk}" if about else None
    steps[request.POST["step"]]()
    return None


def _show(request: PageRequest, found: Finding) -> HttpResponse:
    detector = detectors().get(found.detector)
    is_open = found.state in FindingState.open_states()
    item = found.item
    remedy = found.remedy
    context = {
        "now": timezone.now(),
        "finding": found,
        "detector": detector,
        "evidence": shown_evidence(found.evidence),
        "may_settle": is_open and may_settle(request.principal, found),
        "may_edit": is_open and item is not None and may_author(request.principal, item.domain, item),
        "proposes": proposes(found, item),
        "verifiable": confirmable(found),
        "panels": panels(settings.FINDING_PANELS, request, item=item, now=timezone.now()) if item is not None else {},
        "is_open": is_open,
        "is_held": is_held(found),
        "remedy": remedy if remedy is not None and remedy.state not in (ChangeState.WITHDRAWN,) else None,
        "people": User.objects.filter(is_active=True).order_by("first_name", "username")[:500],
    }
    return render(request, "governance/finding.html", context)


def _filters(request: PageRequest, known: Any) -> Filters:
    """What the address asks for; what is none of the choices reads as any."""

    def chosen(name: str, *more: str) -> str:
        value = request.GET.get(name, "")
        return value if value in more or any(value == each for each, _ in known[name]) else ""

    severity = request.GET.get("severity", "")
    return Filters(
        state=chosen("state"),
        severity=int(severity) if severity in {"1", "2", "3", "4"} else None,
        owner=chosen("owner", "me", "nobody"),
        detector=chosen("detector"),
        domain=chosen("domain"),
        overdue=request.GET.get("overdue") == "1",
    )


def _person(username: str) -> User:
    found = User.objects.filter(username=username, is_active=True).first()
    if found is None:
        raise InvalidInput("Choose a person.", field="owner", fix="Take one from the list.")
    return found


def _day(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time.min, tzinfo=UTC)
    except ValueError:
        return None
