"""Is our context ready for agents? Figures over time, the table of critical context, what is missing; no rule."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from context.errors import DomainError, NotFound
from context.models import Domain, User
from context.readiness import MEASURES, QUESTIONS, Measure, Readiness, read_readiness
from context.spreadsheets import csv_lines
from context.views.pages import PageRequest, page
from governance.drift.tuning import may_tune
from governance.forms.edit_form import said
from governance.readiness.snapshots import Line, lines_of
from governance.readiness.starting_points import STARTING_POINTS, lay_down
from governance.readiness.table import HEADS, entries, missing_in

ROWS_SHOWN = 200
PEOPLE_LISTED = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownFigure:
    measure: Measure
    value: float | None
    line: Line

    @property
    def words(self) -> str:
        if self.value is None:
            return "–"
        number = f"{self.value:,.1f}".removesuffix(".0")
        return f"{number} {self.measure.unit}".strip()


@require_GET
@page
def readiness(request: PageRequest) -> HttpResponse:
    """Five questions, then the domains, then what is missing, then everything there is."""
    now = timezone.now()
    found = read_readiness(principal=request.principal, now=now)
    domain = _domain(request.GET.get("domain", ""))
    shown = list(entries(principal=request.principal, now=now, domain=domain, most=ROWS_SHOWN))
    texts = found.of(domain).get("texts") or 0
    context = {
        "now": now,
        "domain": domain,
        "domains": [entry.domain for entry in found.domains],
        "questions": questions(request, found, domain),
        "readiness": [entry for entry in found.domains if entry.items and (domain is None or entry.domain == domain)],
        "figures": found.of(domain),
        "overall": found.of(None),
        "missing": missing_in(principal=request.principal, domain=domain),
        "entries": [entry for entry in shown if entry.key],
        "not_shown": max(0, int(texts) - ROWS_SHOWN),
        "functions": [(slug, name) for slug, (name, _) in STARTING_POINTS.items()],
        "tunable": [entry.domain for entry in found.domains if may_tune(request.principal, entry.domain)],
        "people": User.objects.filter(is_active=True).order_by("first_name", "username")[:PEOPLE_LISTED],
        "here": request.get_full_path(),
    }
    return render(request, "governance/readiness.html", context)


@require_GET
@page
def table(request: PageRequest) -> HttpResponseBase:
    """The whole table as CSV, with what is missing."""
    now = timezone.now()
    domain = _domain(request.GET.get("domain", ""))
    # Read before it is sent: what streams later is outside the reader's rights in the database.
    rows = [entry.cells for entry in entries(principal=request.principal, now=now, domain=domain)]
    response = StreamingHttpResponse(csv_lines(chain([HEADS], rows)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="context-{now:%Y-%m-%d}.csv"'
    return response


@require_POST
@page
def start(request: PageRequest) -> HttpResponse:
    """Lay down the starting points of a function in a domain."""
    domain = _domain(request.POST.get("domain", ""))
    if domain is None:
        raise NotFound("There is no such domain.")
    back = f"{reverse('governance:readiness')}?domain={domain.slug}#missing"
    try:
        added = lay_down(
            actor=request.user, domain=domain, function=request.POST.get("function", ""), now=timezone.now()
        )
    except DomainError as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(back)
    if added:
        messages.success(request, f"{domain.name} is expected to have {len(added)} more kinds of text.")
    else:
        messages.info(request, f"{domain.name} is expected to have all of these already.")
    return HttpResponseRedirect(back)


def questions(request: PageRequest, found: Readiness, domain: Domain | None) -> list[dict[str, Any]]:
    """Each question with its figures and how they went."""
    names = [measure.name for measure in MEASURES]
    lines = lines_of(principal=request.principal, domain=domain, names=names, now=timezone.now())
    figures = found.of(domain)
    return [
        {
            "name": question,
            "words": words,
            "figures": [
                ShownFigure(measure=measure, value=figures.get(measure.name), line=lines[measure.name])
                for measure in MEASURES
                if measure.question == question and figures.get(measure.name) is not None
            ],
        }
        for question, words in QUESTIONS.items()
    ]


def _domain(slug: str) -> Domain | None:
    if not slug:
        return None
    found = Domain.objects.select_related("owner").filter(slug=slug[:60].replace("\x00", "")).first()
    if found is None:
        raise NotFound("There is no such domain.")
    return found
