"""The page of what agents lacked: by how much it hurt, as list, chart and CSV, and whose task it becomes; no rule."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from agents.gap_csv import csv_of
from agents.gap_report import (
    ASSIGNING_ROLES,
    HALVED_AFTER_DAYS,
    MOST_GAPS,
    HurtingGap,
    assign_gap,
    felt_gap,
    gap_report,
    may_assign,
)
from agents.models import Agent
from context.errors import DomainError, InvalidInput, NotFound, NotPermitted
from context.models import User
from context.views.pages import PageRequest, page
from context.views.paging import page_of
from governance.forms.edit_form import said

DAYS = {"7": 7, "30": 30, "90": 90}
CODES = ("missing", "stale", "unverified", "contradicted", "over_budget")
PEOPLE_LISTED = 500
ON_A_PAGE = 25
LONGEST_WORDS = 100
FIELDS = ("to", "due_at", "note")


@require_GET
@page
def gaps(request: PageRequest) -> HttpResponse:
    """What agents lacked, by how much it hurt."""
    days = DAYS.get(request.GET.get("days", "30"), 30)
    report = gap_report(principal=request.principal, days=days, now=timezone.now())
    if request.GET.get("format") == "csv":
        return csv_of(report)
    words, code = request.GET.get("q", "").strip()[:LONGEST_WORDS], request.GET.get("why", "")
    found = [
        gap
        for gap in report.gaps
        if words.casefold() in gap.requirement.casefold() and (code not in CODES or gap.code == code)
    ]
    context = {
        "days": days,
        "choices": list(DAYS.values()),
        "report": report,
        "page": page_of(request, found, ON_A_PAGE),
        "words": words,
        "code": code if code in CODES else "",
        "codes": CODES,
        "many": len(report.gaps) > ON_A_PAGE,
        "all_told": len(report.gaps) < MOST_GAPS,
        "most_hurt": max((gap.hurt for gap in found), default=0),
        "refused": sum(report.by_day),
        "halved": HALVED_AFTER_DAYS,
        "may_assign": _may_assign_some(request),
    }
    return render(request, "agents/gaps.html", context)


@require_http_methods(["GET", "POST"])
@page
def assign(request: PageRequest) -> HttpResponse:
    """Make a gap somebody's task: what it is, and a form."""
    if request.method == "GET":
        given = request.GET
        gap = felt_gap(
            principal=request.principal,
            requirement=given.get("requirement", ""),
            code=given.get("code", ""),
            now=timezone.now(),
        )
        if not may_assign(principal=request.principal, gap=gap):
            raise NotPermitted("You may not assign this gap. The owner of an agent that felt it, or a steward, may.")
        return _form(request, gap)
    given = request.POST
    requirement, code = given.get("requirement", ""), given.get("code", "")
    try:
        to = User.objects.filter(username=given.get("to", ""), is_active=True).first()
        if to is None:
            raise InvalidInput("Nobody is named.", field="to", fix="Choose who fills it.")
        finding = assign_gap(
            actor=request.user,
            requirement=requirement,
            code=code,
            to=to,
            note=given.get("note", ""),
            due_at=_end_of(given.get("due", "")),
            now=timezone.now(),
        )
    except NotPermitted:
        raise
    except NotFound as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(reverse("agents:gaps"))
    except DomainError as error:
        gap = felt_gap(principal=request.principal, requirement=requirement, code=code, now=timezone.now())
        return _form(request, gap, error=error)
    messages.success(request, f"{to.display_name} has it in their inbox, as finding {finding.pk}.")
    return HttpResponseRedirect(reverse("agents:gaps"))


def _form(request: PageRequest, gap: HurtingGap, *, error: DomainError | None = None) -> HttpResponse:
    field = error.field if error is not None and error.field in FIELDS else ""
    context: dict[str, Any] = {
        "gap": gap,
        "people": User.objects.filter(is_active=True).order_by("first_name", "username")[:PEOPLE_LISTED],
        "typed": {name: request.POST.get(name, "") for name in ("to", "due", "note")},
        "errors": {field: said(error)} if error is not None and field else {},
        "error": said(error) if error is not None and not field else "",
        "here": "?" + urlencode({"requirement": gap.requirement, "code": gap.code}),
    }
    return render(request, "agents/gap_assign.html", context, status=error.status if error is not None else 200)


def _may_assign_some(request: PageRequest) -> bool:
    """Whether to offer it at all; assigning judges each for itself."""
    if any(role in ASSIGNING_ROLES for role, _ in request.principal.roles):
        return True
    return Agent.objects.filter(owner=request.user).exists()


def _end_of(text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time.max, tzinfo=UTC)
    except ValueError:
        raise InvalidInput("That is no date.", field="due_at", fix="Write such as 2027-03-31.") from None
