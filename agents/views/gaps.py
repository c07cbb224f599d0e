"""The page of what agents lacked: by how much it hurt, as list, chart and CSV, and whose task it becomes; no rule."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from agents.gap_csv import csv_of
from agents.gap_report import HALVED_AFTER_DAYS, assign_gap, gap_report
from context.errors import DomainError, NotFound, NotPermitted
from context.models import User
from context.views.pages import PageRequest, page
from governance.forms.edit_form import said

DAYS = {"7": 7, "30": 30, "90": 90}
PEOPLE_LISTED = 500


@require_GET
@page
def gaps(request: PageRequest) -> HttpResponse:
    """What agents lacked, by how much it hurt."""
    days = DAYS.get(request.GET.get("days", "30"), 30)
    report = gap_report(principal=request.principal, days=days, now=timezone.now())
    if request.GET.get("format") == "csv":
        return csv_of(report)
    context = {
        "days": days,
        "choices": list(DAYS.values()),
        "report": report,
        "refused": sum(report.by_day),
        "halved": HALVED_AFTER_DAYS,
        "people": User.objects.filter(is_active=True).order_by("first_name", "username")[:PEOPLE_LISTED],
    }
    return render(request, "agents/gaps.html", context)


@require_POST
@page
def assign(request: PageRequest) -> HttpResponse:
    """Make a gap somebody's task."""
    to = User.objects.filter(username=request.POST.get("to", ""), is_active=True).first()
    try:
        if to is None:
            raise NotFound("There is no such person.")
        finding = assign_gap(
            actor=request.user,
            requirement=request.POST.get("requirement", ""),
            code=request.POST.get("code", ""),
            to=to,
            note=request.POST.get("note", ""),
            due_at=_end_of(request.POST.get("due", "")),
            now=timezone.now(),
        )
    except NotPermitted:
        raise
    except DomainError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, f"{to.display_name} has it in their inbox, as finding {finding.pk}.")
    return HttpResponseRedirect(reverse("agents:gaps"))


def _end_of(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time.max, tzinfo=UTC)
    except ValueError:
        return None
