"""The skew map: which agent works on which revision now, and who is behind? Must not judge rights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.skew import Holding, Standing, skew_map, summary_of
from context.views.pages import PageRequest, page
from context.views.paging import page_of

ON_A_PAGE = 100

# Each standing in a word, with its tone and its icon.
WORDS: Mapping[Standing, tuple[str, str, str]] = {
    "behind": ("Behind", "bad", "clock"),
    "lapsed": ("Lease ended", "warn", "late"),
    "current": ("Current", "ok", "check"),
    "never": ("Nothing yet", "mute", "dot"),
}

SAID: Mapping[Standing, str] = {
    "behind": "behind",
    "lapsed": "whose lease has ended",
    "current": "current",
    "never": "that asked for nothing yet",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A line of the table. `seconds` is how long it is behind."""

    holding: Holding
    word: str
    tone: str
    icon: str
    seconds: float


@require_GET
@page
def skew(request: PageRequest) -> HttpResponse:
    """Every agent that this person may know of, under each of its contracts."""
    now = timezone.now()
    only = request.GET.get("contract", "")[:60]
    holdings = skew_map(principal=request.principal, now=now, contract=only)
    summary = summary_of(holdings)
    rows = []
    for each in holdings:
        word, tone, icon = WORDS[each.standing]
        seconds = (now - each.behind_since).total_seconds() if each.behind_since else 0.0
        rows.append(Row(holding=each, word=word, tone=tone, icon=icon, seconds=seconds))
    context = {
        "now": now,
        "only": only,
        "rows": rows,
        "page": page_of(request, rows, ON_A_PAGE),
        "summary": summary,
        "told": ", ".join(f"{count} {SAID[each]}" for each, count in summary.items() if count),
        "first": min((each.behind_since for each in holdings if each.behind_since), default=None),
        "longest": max((row.seconds for row in rows), default=0.0),
    }
    return render(request, "agents/skew.html", context)
