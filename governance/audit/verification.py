"""Checks the ledger from its first event to its head and names the first that is broken; must not write."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection

from governance.audit.ledger import hash_of, payload_digest
from governance.models import AuditEvent
from governance.models.audit import GENESIS_HASH

BATCH = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a check found. `broken_sequence` and `reason` are None where the chain holds; `seconds` is wall time."""

    checked: int
    head_sequence: int
    head_hash: str
    broken_sequence: int | None
    reason: str | None
    seconds: float

    @property
    def holds(self) -> bool:
        return self.broken_sequence is None


def verify_chain(*, progress: Callable[[int], None] | None = None) -> Verdict:
    """Recompute every hash in order. One streamed query; memory does not grow with the ledger."""
    started = time.monotonic()
    expected, previous_hash, checked = 1, GENESIS_HASH, 0
    reason: str | None = None
    with connection.cursor() as cursor:
        # Read committed rows as of one moment, so that a check during writes sees a whole chain.
        cursor.execute("SELECT coalesce(max(sequence), 0) FROM governance_auditevent")
        (head,) = cursor.fetchone()
    events = AuditEvent.objects.filter(sequence__lte=head).order_by("sequence").iterator(chunk_size=BATCH)
    broken: int | None = None
    for event in events:
        reason = _broken(event, expected=expected, previous_hash=previous_hash)
        if reason is not None:
            broken = min(expected, event.sequence)
            break
        checked += 1
        expected, previous_hash = expected + 1, event.hash
        if progress is not None and checked % BATCH == 0:
            progress(checked)
    return Verdict(
        checked=checked,
        head_sequence=expected - 1,
        head_hash=previous_hash,
        broken_sequence=broken,
        reason=reason,
        seconds=time.monotonic() - started,
    )


def _broken(event: AuditEvent, *, expected: int, previous_hash: str) -> str | None:
    if event.sequence != expected:
        return f"event {expected} is missing: the next one found is {event.sequence}"
    if event.previous_hash != previous_hash:
        return f"event {event.sequence} does not follow the one before it: its previous hash is another"
    if event.payload_digest != payload_digest(event):
        return f"event {event.sequence} was altered: its labels or data no longer match their digest"
    if event.hash != hash_of(event):
        return f"event {event.sequence} was altered: its fields no longer match its hash"
    return None
