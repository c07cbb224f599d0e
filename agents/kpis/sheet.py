"""Key figures as CSV, for a spreadsheet; must not decide what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse

from agents.kpis.figures import Figures, Report
from agents.kpis.measures import MEASURES, plain
from context.spreadsheets import csv_lines

GROUPS = ("period", "agent", "domain", "flow", "cause", "check")


def csv_of(report: Report) -> HttpResponse:
    """A row for all, for each period, agent, domain and flow; then causes and checks with their counts."""
    response = HttpResponse("".join(csv_lines(_rows(report))), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="figures-{report.until:%Y-%m-%d}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def _rows(report: Report) -> Iterator[list[Any]]:
    yield ["of", "name", *(measure.name for measure in MEASURES), "runs"]
    yield _row("all", "", report.total)
    for period, figures in report.periods.items():
        yield _row(report.by, period.isoformat(), figures)
    for kind, groups in (("agent", report.agents), ("domain", report.domains), ("flow", report.flows)):
        for group in groups:
            yield _row(kind, group.name, group.figures)
    blank = [""] * len(MEASURES)
    for cause in report.causes:
        yield [f"cause of {cause.state}", cause.cause, *blank, cause.runs]
    for check in report.checks:
        yield ["check", check.check, *blank, check.runs]


def _row(kind: str, name: str, figures: Figures) -> list[Any]:
    return [kind, name, *(plain(measure, figures) for measure in MEASURES), figures.ended]
