"""Is it getting better? Key figures over time, by agent, domain and flow, with charts and CSV; no rule."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.kpis.figures import Group, Report
from agents.kpis.measures import QUESTIONS, Measure
from agents.kpis.reporting import report
from agents.kpis.sheet import csv_of
from agents.models import Flow
from agents.use import visible_agents
from context.models import Domain
from context.views.pages import PageRequest, page

DAYS = {"7": 7, "30": 30, "90": 90, "365": 365}
LONGEST_SLUG = 60
# What stands in the tables of agents, domains and flows.
COLUMNS = (
    *("ended", "succeeded", "failure_share", "refusal_share", "cost_per_task", "median_seconds", "left_to_people"),
    *("hand_offs", "guardrail_hits", "current_share"),
)
NARROWED_BY = ("agent", "domain", "flow")
GROUPS_SHOWN = 20


@require_GET
@page
def reports(request: PageRequest) -> HttpResponse:
    """Five questions with figures and lines, then why runs failed, then who did how."""
    days = DAYS.get(request.GET.get("days", "30"), 30)
    chosen = {
        name: request.GET.get(name, "")[:LONGEST_SLUG].replace("\x00", "") for name in ("agent", "domain", "flow")
    }
    found = report(principal=request.principal, days=days, now=timezone.now(), **chosen)
    if request.GET.get("format") == "csv":
        return csv_of(found)
    measures = {measure.name: measure for _, those in QUESTIONS.values() for measure in those}
    columns = [measures[name] for name in COLUMNS]
    context = {
        "days": days,
        "choices": [int(each) for each in DAYS],
        "chosen": chosen,
        "narrowed": any(chosen.values()),
        "agents": visible_agents(request.principal).order_by("name"),
        "domains": Domain.objects.order_by("name"),
        "flows": Flow.objects.visible_to(request.principal).order_by("name"),
        "report": found,
        "periods": list(found.periods),
        "bars": [figures.ended for figures in found.periods.values()],
        "questions": _questions(found),
        "columns": columns,
        "tables": [
            _table("agent", "Agent", found.agents, columns),
            _table("domain", "Domain", found.domains, columns),
            _table("flow", "Flow", found.flows, columns),
        ],
        "most": max((cause.runs for cause in found.causes), default=0),
    }
    return render(request, "agents/reports.html", context)


def _questions(found: Report) -> list[dict[str, Any]]:
    """Each question with its figures, and of each the line over time."""
    return [
        {"name": name, "words": words, "figures": [_shown(measure, found) for measure in measures]}
        for name, (words, measures) in QUESTIONS.items()
    ]


def _shown(measure: Measure, found: Report) -> dict[str, Any]:
    factor = 100 if measure.unit == "share" else 1
    points = [(day, measure.value(figures)) for day, figures in found.periods.items()]
    told = [(day, float(value) * factor) for day, value in points if value is not None]
    return {
        "measure": measure,
        "words": measure.words(found.total),
        "charted": len({value for _, value in told}) > 1,
        "days": [day for day, _ in told],
        "values": [value for _, value in told],
        "unit": {"share": " %", "seconds": " s", "hours": " hours"}.get(measure.unit, ""),
    }


def _table(name: str, head: str, groups: tuple[Group, ...], columns: list[Measure]) -> dict[str, Any]:
    return {
        "name": name,
        "head": head,
        "rows": [(group, [(each, each.words(group.figures)) for each in columns]) for group in groups[:GROUPS_SHOWN]],
        "more": max(0, len(groups) - GROUPS_SHOWN),
    }
