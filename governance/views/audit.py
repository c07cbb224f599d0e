"""The audit pages: who did what, when, and is the record whole? For auditors and administrators; must not write."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from context.digests import canonical, plain
from context.errors import DomainError, NotFound
from context.signing import public_key
from context.views.pages import PageRequest, page
from governance.api.keeping import evidence_response
from governance.audit.checkpoints import checkpoint_now, checkpoints_of, signed_statement
from governance.audit.reading import EventFilters, events_of, one_event, verify_ledger_in_steps
from governance.audit.verification import Verdict
from governance.audit.withholding import read_event
from governance.forms.edit_form import said
from governance.models import AuditEvent

PAGE_SIZE = 50
CHECKPOINTS_SHOWN = 200
STEPS_SHOWN = 20
# Where the page of a verification is cut, for what is told while it runs.
HERE = "<!-- verdict -->"
STANDALONE = Path(__file__).parent.parent / "audit" / "standalone"
VERIFIERS = {name: STANDALONE / f"{name}.py" for name in ("verify_export", "verify_receipt")}


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
def verify(request: PageRequest) -> StreamingHttpResponse:
    """Recompute the whole chain now: the page tells how far it has got while it is made, and ends with the verdict."""
    _require_reader(request)
    last = AuditEvent.objects.order_by("-sequence").values_list("sequence", flat=True).first() or 0
    steps = verify_ledger_in_steps(principal=request.principal)
    response = StreamingHttpResponse(_telling(request, steps, last), content_type="text/html; charset=utf-8")
    # A proxy that gathers the answer before it passes it on would hide the progress.
    response["X-Accel-Buffering"] = "no"
    return response


@require_GET
@page
def checkpoints(request: PageRequest) -> HttpResponse:
    """The signed checkpoints, newest first: what one keeps elsewhere, so that a rewritten past is noticed."""
    _require_reader(request)
    found = list(checkpoints_of(principal=request.principal)[:CHECKPOINTS_SHOWN])
    context = {"checkpoints": found, "now": timezone.now(), "public_key": public_key()}
    return render(request, "governance/checkpoints.html", context)


@require_POST
@page
def make_checkpoint(request: PageRequest) -> HttpResponse:
    """Sign the ledger as it stands now."""
    _require_reader(request)
    try:
        made = checkpoint_now(actor=request.principal, now=timezone.now())
    except DomainError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, f"Signed up to event {made.sequence}. Download it and keep it elsewhere.")
    return HttpResponseRedirect(reverse("governance:checkpoints"))


@require_GET
@page
def checkpoint(request: PageRequest, sequence: int) -> HttpResponse:
    """One checkpoint as a file, as it is signed."""
    _require_reader(request)
    found = next((each for each in checkpoints_of(principal=request.principal) if each.sequence == sequence), None)
    if found is None:
        raise NotFound("There is no such checkpoint.")
    response = HttpResponse(canonical(plain(signed_statement(found))), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="checkpoint-{sequence}.json"'
    return response


@require_GET
@page
def evidence(request: PageRequest) -> HttpResponseBase:
    """The evidence kit of an item or of a period, as one archive."""
    _require_reader(request)
    end = _day(request.GET.get("to", ""))
    try:
        return evidence_response(
            principal=request.principal,
            now=timezone.now(),
            key=request.GET.get("item", "").replace("\x00", "").strip()[:200],
            since=_day(request.GET.get("from", "")),
            until=end + timedelta(days=1) if end else None,
        )
    except DomainError as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(reverse("governance:audit"))


@require_GET
@page
def verifier(request: PageRequest, name: str) -> HttpResponse:
    """A script that checks what was downloaded without this server."""
    script = VERIFIERS.get(name)
    if script is None:
        raise NotFound("There is no such script.")
    response = HttpResponse(script.read_bytes(), content_type="text/x-python; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{script.name}"'
    return response


def _telling(request: PageRequest, steps: Generator[int, None, Verdict], last: int) -> Iterator[str]:
    """The page in parts: its head, how far the check has got each time that shows, and the verdict."""
    context: dict[str, Any] = {"at": timezone.now(), "last": last}
    top, _, rest = render_to_string("governance/verdict.html", context, request).partition(HERE)
    yield top
    shown = 0
    while True:
        try:
            checked = next(steps)
        except StopIteration as end:
            yield render_to_string("governance/_verdict.html", {"verdict": end.value}, request)
            break
        if checked - shown >= last / STEPS_SHOWN:
            shown = checked
            yield render_to_string("governance/_checked.html", {"checked": checked, "last": last}, request)
    yield rest


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
