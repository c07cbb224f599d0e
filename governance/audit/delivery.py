"""Delivers the ledger to its streams, in order and at least once; must not set streams up or write events.

The outbox is the ledger itself: a stream's cursor is the last sequence its receiver acknowledged, and moves only
after that. Events get their numbers under one lock, so no earlier one can appear behind a cursor. A receiver that
sees a sequence twice has seen the same event.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q

from context.digests import canonical
from context.signing import key_id, sign
from governance.audit.checkpoints import signed_statement
from governance.audit.outbound import NotDelivered, post
from governance.audit.records import native, ocsf
from governance.audit.streams import secret_of
from governance.models import AuditEvent, AuditStream, Checkpoint, StreamContent, StreamFormat, StreamSignature

RECORDS_AT_ONCE = 500
SECONDS_AT_A_TIME = 45.0
FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=10), timedelta(hours=1)

log = structlog.get_logger(__name__)


def deliver_due(*, now: datetime) -> int:
    """Deliver to each stream that is due until nothing is left, it fails, or 45 s have passed; returns how many."""
    waiting = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now)
    due = AuditStream.objects.filter(waiting, paused_at__isnull=True).values_list("pk", flat=True)
    deadline = time.monotonic() + SECONDS_AT_A_TIME
    delivered = 0
    for pk in list(due):
        while time.monotonic() < deadline:
            count = deliver_batch(stream_id=pk, now=now)
            delivered += count
            if count < RECORDS_AT_ONCE:
                break
    return delivered


def deliver_batch(*, stream_id: int, now: datetime) -> int:
    """Deliver the next records of one stream; 0 where there are none, it failed, or another worker is at it.

    The stream's row is locked meanwhile, at most for the receiver's ten seconds, so that two workers do not deliver
    the same or out of order.
    """
    with transaction.atomic():
        stream = (
            AuditStream.objects.select_for_update(skip_locked=True)
            .filter(Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now), pk=stream_id, paused_at__isnull=True)
            .first()
        )
        if stream is None:
            return 0
        records, last = _next_records(stream)
        if not records:
            return 0
        body = b"".join(canonical(record) + b"\n" for record in records)
        try:
            post(stream.url, body, _headers(stream, body, records, last, now))
        except NotDelivered as failure:
            _put_off(stream, failure, now)
            return 0
        stream.cursor, stream.delivered_at = last, now
        stream.failures, stream.failing_since, stream.next_attempt_at, stream.last_error = 0, None, None, ""
        stream.save()
        return len(records)


def _next_records(stream: AuditStream) -> tuple[Sequence[dict[str, Any]], int]:
    if stream.content == StreamContent.CHECKPOINTS:
        signed = list(Checkpoint.objects.filter(sequence__gt=stream.cursor).order_by("sequence")[:RECORDS_AT_ONCE])
        return [{"type": "checkpoint", **signed_statement(each)} for each in signed], _last(signed)
    events = list(AuditEvent.objects.filter(sequence__gt=stream.cursor).order_by("sequence")[:RECORDS_AT_ONCE])
    render = ocsf if stream.format == StreamFormat.OCSF else native
    return [render(event, clearance=stream.clearance) for event in events], _last(events)


def _last(rows: Sequence[AuditEvent] | Sequence[Checkpoint]) -> int:
    return rows[-1].sequence if rows else 0


def _headers(
    stream: AuditStream, body: bytes, records: Sequence[dict[str, Any]], last: int, now: datetime
) -> dict[str, str]:
    """The signature is over the time, a full stop and the body: `Plumbline-Signature: t=…,<method>=…`."""
    sent_at = str(int(now.timestamp()))
    signed = sent_at.encode() + b"." + body
    if stream.signature == StreamSignature.HMAC_SHA256:
        secret = base64.b64decode(secret_of(stream))
        mark = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    else:
        mark = sign(signed)
    return {
        "Content-Type": "application/x-ndjson",
        "User-Agent": "Plumbline",
        "Plumbline-Stream": stream.name,
        "Plumbline-Records": str(len(records)),
        "Plumbline-After": str(stream.cursor),
        "Plumbline-Last": str(last),
        "Plumbline-Key": key_id(),
        "Plumbline-Signature": f"t={sent_at},{stream.signature}={mark}",
    }


def _put_off(stream: AuditStream, failure: NotDelivered, now: datetime) -> None:
    """Try again later: twice as long after each failure, up to an hour, with a little chance so that not all come."""
    delay = min(FIRST_DELAY * 2 ** min(stream.failures, 12), LONGEST_DELAY)
    stream.failures += 1
    stream.failing_since = stream.failing_since or now
    stream.next_attempt_at = now + delay * random.uniform(0.9, 1.1)
    stream.last_error = failure.detail[:500]
    stream.save()
    log.warning("audit_stream_failed", stream=stream.name, failures=stream.failures, why=failure.detail)
