"""Sends the spans of runs to a collector over OTLP/HTTP, each once it has ended; must not make spans or touch runs.

The outbox is the ledger, as for audit streams: every step, lease and run that ends has its event there, in the same
transaction, in the order of commits. The cursor moves only past what the collector has taken, so nothing is lost by
a kill in between; what is sent a second time carries the same ids.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from agents.models import TraceExport
from agents.traces.encoding import Span, encoded
from agents.traces.ended import Ended
from governance import outgoing
from governance.models import AuditEvent

EVENTS_AT_ONCE = 200
LARGEST_BODY_BYTES = 2 * 1024 * 1024  # a batch ends after the event that passes it
SECONDS_AT_A_TIME = 45.0
ANSWER_SECONDS = 10.0
LARGEST_ANSWER = 65_536
FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=5), timedelta(minutes=30)
# How far back an event of the same transaction may lie that has told of the same ending already.
EVENTS_LOOKED_BACK = 50
# What the collector will never take of these spans. All else (not there, no right, overloaded) may pass.
REFUSED_FOR_GOOD = frozenset({400, 413, 415, 422})
STEP_ENDINGS = frozenset({"agents.run.step_done", "agents.run.step_failed"})
SCOPE = "plumbline.agents"

log = structlog.get_logger(__name__)


class SpansRefused(Exception):
    """The collector will not take this body, however often it is sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """An event of the ledger with the spans that ended there."""

    sequence: int
    spans: Sequence[Span] = field(default_factory=tuple)


def export_due(*, now: datetime) -> int:
    """Send what has ended until nothing is left, the collector does not answer, or 45 s have passed; how many spans.

    Without OTLP_ENDPOINT nothing is read or written. With it for the first time, it begins with what happens from now.
    """
    if not settings.OTLP_ENDPOINT:
        return 0
    TraceExport.objects.get_or_create(pk=1, defaults={"cursor": _head()})
    ends_at, sent = time.monotonic() + SECONDS_AT_A_TIME, 0
    while time.monotonic() < ends_at:
        count = export_batch(now=now)
        if count is None:
            break
        sent += count
    return sent


def export_batch(*, now: datetime, most: int = EVENTS_AT_ONCE) -> int | None:
    """Send the spans of the next events; how many. None where nothing is left, it failed, or another is at it.

    The row is locked meanwhile, at most for the collector's ten seconds, so that no span is sent by two workers.
    """
    with transaction.atomic():
        export = TraceExport.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        if export is None or (export.next_attempt_at is not None and export.next_attempt_at > now):
            return None
        head = _head()
        told, last = _next_events(export.cursor, head=head, most=most)
        if last == export.cursor:
            return None
        try:
            sent, last = _deliver(export, told, last)
        except outgoing.NotReachable as failure:
            _put_off(export, failure, now)
            return None
        export.cursor = last
        export.delivered += sent
        export.failures, export.next_attempt_at = 0, None
        if sent:
            export.delivered_at = now
        export.save()
        return sent


def _deliver(export: TraceExport, told: Sequence[Told], last: int) -> tuple[int, int]:
    """Post the events' spans, fewer of them where they are refused; how many were taken, and up to which event.

    One event whose spans are refused alone is passed over, counted and logged.
    """
    while True:
        spans = [span for each in told for span in each.spans]
        if not spans:
            return 0, last
        try:
            rejected = _post(spans)
        except SpansRefused as refusal:
            if len(told) == 1:
                export.refused += len(spans)
                export.last_error = str(refusal)[:500]
                log.warning("spans_refused", trace=spans[0].trace.hex(), spans=len(spans), why=str(refusal))
                return 0, told[0].sequence
            told = told[: len(told) // 2]
            last = told[-1].sequence
            continue
        if rejected:
            export.refused += rejected
            export.last_error = f"The collector rejected {rejected} spans of a batch."
        return len(spans) - rejected, last


def _post(spans: Sequence[Span]) -> int:
    """Post once; how many of the spans the collector says it dropped. NotReachable, SpansRefused."""
    url = traces_url(settings.OTLP_ENDPOINT)
    allowed = outgoing.Allowed(hosts=[urlsplit(url).hostname or ""], private=True, setting="OTLP_ENDPOINT")
    body = encoded(spans, resource={"service.name": "plumbline"}, scope=SCOPE)
    headers = {**settings.OTLP_HEADERS, "Content-Type": "application/x-protobuf", "User-Agent": "Plumbline"}
    try:
        page = outgoing.get(
            url, allowed=allowed, headers=headers, seconds=ANSWER_SECONDS, longest=LARGEST_ANSWER, body=body
        )
    except (outgoing.AnswerTooLong, outgoing.AddressRefused) as failure:
        raise outgoing.NotReachable(str(failure)) from failure
    if page.status in REFUSED_FOR_GOOD:
        raise SpansRefused(f"The collector answered {page.status}.")
    if not 200 <= page.status < 300:
        raise CollectorBusy(f"The collector answered {page.status}.", page.headers.get("retry-after", ""))
    return min(_rejected(page.body), len(spans))


class CollectorBusy(outgoing.NotReachable):
    """An answer that may say after how many seconds to come again."""

    def __init__(self, detail: str, retry_after: str) -> None:
        super().__init__(detail)
        seconds = int(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 9 else 0
        self.wait = min(timedelta(seconds=seconds), LONGEST_DELAY)


def _rejected(body: bytes) -> int:
    try:
        said = ExportTraceServiceResponse.FromString(body)
    except DecodeError:
        # Taken, as the status says; what else it says is not in our language.
        log.warning("collector_answer_unread", size=len(body))
        return 0
    if said.partial_success.error_message:
        log.warning("collector_says", message=said.partial_success.error_message[:500])
    return max(0, int(said.partial_success.rejected_spans))


def traces_url(endpoint: str) -> str:
    """The endpoint is the collector's base, as OTEL_EXPORTER_OTLP_ENDPOINT has it, or the whole address of traces."""
    base = endpoint.rstrip("/")
    return base if base.endswith("/v1/traces") else f"{base}/v1/traces"


def _next_events(cursor: int, *, head: int, most: int) -> tuple[list[Told], int]:
    """Events of runs after the cursor, with their spans; and the event up to which that is everything.

    Five queries for up to `most` events, and two for each run that ended there.
    """
    found = AuditEvent.objects.filter(subject_type="run", sequence__lte=head)
    rows = list(
        found.filter(sequence__gt=cursor)
        .order_by("sequence")
        .values_list("sequence", "action", "subject_id", "at", "recorded_at", "data")[:most]
    )
    # Several events of one transaction may stand for the same ending; the first tells of it.
    before = found.filter(sequence__gt=cursor - EVENTS_LOOKED_BACK, sequence__lte=cursor)
    told_of = set(before.values_list("subject_id", "recorded_at"))
    ended = Ended.of(rows)
    told: list[Told] = []
    size = 0
    for sequence, action, run_id, at, recorded_at, data in rows:
        spans = []
        if action in STEP_ENDINGS:
            spans += ended.step(UUID(run_id), str(data.get("step", "")))
        if (run_id, recorded_at) not in told_of:
            told_of.add((run_id, recorded_at))
            spans += ended.at(UUID(run_id), at)
        told.append(Told(sequence=sequence, spans=spans))
        size += sum(span.size for span in spans)
        if size > LARGEST_BODY_BYTES:
            return told, sequence
    return told, rows[-1][0] if len(rows) == most else head


def _head() -> int:
    return AuditEvent.objects.aggregate(last=Max("sequence"))["last"] or 0


def _put_off(export: TraceExport, failure: outgoing.NotReachable, now: datetime) -> None:
    """Try again later: twice as long after each failure, up to half an hour; later still where the collector says."""
    delay = min(FIRST_DELAY * 2 ** min(export.failures, 12), LONGEST_DELAY)
    asked = failure.wait if isinstance(failure, CollectorBusy) else timedelta(0)
    export.failures += 1
    export.next_attempt_at = now + max(delay * random.uniform(0.9, 1.1), asked)
    export.last_error = str(failure)[:500]
    export.save()
    log.warning("spans_not_delivered", failures=export.failures, why=str(failure))
