"""The gap report as CSV, for a spreadsheet; must not decide what is in it.

A cell that a spreadsheet would take for a formula begins with an apostrophe: names of requirements are free text.
"""

from __future__ import annotations

import csv
from io import StringIO

from django.http import HttpResponse

from agents.gap_report import GapReport

COLUMNS = ("requirement", "code", "hurt", "times", "agents", "contracts", "owner", "fix", "last_at", "finding")


def csv_of(report: GapReport) -> HttpResponse:
    """One row for each gap, the worst first."""
    written = StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for gap in report.gaps:
        writer.writerow(
            [
                _plain(gap.requirement),
                gap.code,
                gap.hurt,
                gap.times,
                _plain("; ".join(gap.agents)),
                _plain("; ".join(gap.contracts)),
                _plain(gap.owner or ""),
                _plain(gap.fix),
                gap.last_at.isoformat(),
                gap.finding.pk if gap.finding is not None else "",
            ]
        )
    response = HttpResponse(written.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="gaps-{report.until:%Y-%m-%d}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def _plain(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
