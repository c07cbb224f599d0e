"""The audit pages: who did what, when, and is the record whole? For auditors and administrators; must not write."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from context.errors import NotFound
from context.views.pages import PageRequest, page
from governance.audit.reading import EventFilters, events_of, one_event, verify_ledger
from governance.audit.withholding import read_event
from governance.models import AuditEvent

PAGE_SIZE = 50


@require_GET
@page
def audit(request: PageRequest) -> HttpResponse:
    """The ledger, newest first, narrowed by who, what, when and about what."""
    _require_reader(request)
    visible = AuditEvent.objects.visible_to(request.principal)
    asked = {
        name: request.GET.get(name, "").replace("\x00", "").strip()[:200]
        for name in ("who", "what", "about", "from", "to")
    }
    found = events_of(principal=request.principal, filters=_filters(asked))
    before = _integer(request.GET.get("before"))
    rows = list((found.filter(sequence__lt=before) if before else found).order_by("-sequence")[: PAGE_SIZE + 1])
    last = visible.order_by("-sequence").first()
    head = read_event(last, clearance=request.principal.clearance) if last is not None else None
    context = {
        "asked": asked,
        "filtered": any(asked.values()),
        "events": [read_event(row, clearance=request.principal.clearance) for row in rows[:PAGE_SIZE]],
        "next": rows[PAGE_SIZE - 1].sequence if len(rows) > PAGE_SIZE else None,
        "later": before is not None,
        "count": found.count() if any(asked.values()) else (head.sequence if head else 0),
        "head": head,
        "actions": visible.order_by("action").values_list("action", flat=True).distinct(),
    }
    if request.htmx and not request.htmx.history_restore_request:
        return render(request, "governance/_events.html", context)
    return render(request, "governance/audit.html", context)


@require_GET
@page
def event(request: PageRequest, sequence: int) -> HttpResponse:
    """One event with all that its hash covers."""
    _require_reader(request)
    found = one_event(principal=request.principal, sequence=sequence)
    return render(request, "governance/event.html", {"event": found})


@require_POST
@page
def verify(request: PageRequest) -> HttpResponse:
    """Recompute the whole chain now and say what was found."""
    _require_reader(request)
    context = {"verdict": verify_ledger(principal=request.principal), "at": timezone.now()}
    return render(request, "governance/_verdict.html" if request.htmx else "governance/verdict.html", context)


def _require_reader(request: PageRequest) -> None:
    """The page reads as nonexistent to whoever has no right to any event."""
    principal = request.principal
    if not (principal.has_role("auditor") or principal.has_role("administrator")):
        raise NotFound("There is no such page.")


def _filters(asked: dict[str, str]) -> EventFilters:
    end = _day(asked["to"])
    return EventFilters(
        who=asked["who"],
        action=asked["what"],
        about=asked["about"],
        since=_day(asked["from"]),
        until=end + timedelta(days=1) if end else None,
    )


def _day(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time.min, tzinfo=UTC)
    except ValueError:
        return None


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 18 else None
