"""The audit pages: who did what, when, and is the record whole? For auditors and administrators; must not write."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from context.errors import NotFound
from context.views.pages import PageRequest, page
from governance.audit.reading import verify_ledger
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
    found = _narrowed(visible, asked)
    before = _integer(request.GET.get("before"))
    rows = list((found.filter(sequence__lt=before) if before else found).order_by("-sequence")[: PAGE_SIZE + 1])
    head = visible.order_by("-sequence").first()
    context = {
        "asked": asked,
        "filtered": any(asked.values()),
        "events": rows[:PAGE_SIZE],
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
    found = AuditEvent.objects.visible_to(request.principal).filter(sequence=sequence).first()
    if found is None:
        raise NotFound("There is no such event.")
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


def _narrowed(events: QuerySet[AuditEvent], asked: dict[str, str]) -> QuerySet[AuditEvent]:
    if asked["who"]:
        events = events.filter(actor_label__icontains=asked["who"])
    if asked["what"]:
        events = events.filter(Q(action=asked["what"]) | Q(action__startswith=asked["what"] + "."))
    if asked["about"]:
        words = asked["about"]
        events = events.filter(Q(subject_label__icontains=words) | Q(subject_id=words) | Q(request_id=words))
    start, end = _day(asked["from"]), _day(asked["to"])
    if start:
        events = events.filter(at__gte=start)
    if end:
        events = events.filter(at__lt=end + timedelta(days=1))
    return events


def _day(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time.min, tzinfo=UTC)
    except ValueError:
        return None


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 18 else None
