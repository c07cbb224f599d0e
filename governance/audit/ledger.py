"""The one writer of the audit ledger: appends hash-chained events in the caller's transaction; must not judge them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.db import connection

from context.access import Principal
from context.client_address import current_client_address
from context.digests import canonical, digest_of, iso, plain
from context.errors import DomainError
from context.models import Sensitivity
from context.request_id import current_request_id
from governance.models import AuditEvent

# One lock for the whole ledger: the holder alone knows the head, so the chain cannot fork.
LEDGER_LOCK = 7_246_511


class LedgerOutsideTransaction(DomainError):
    """An event was to be appended outside the transaction of what it records."""

    type = "ledger-outside-transaction"
    title = "An audit event belongs to the transaction of its state change"
    status = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What an event is about. `label` outlives the subject; `sensitivity` is that of the text the label tells of."""

    type: str
    id: str
    label: str
    sensitivity: int = Sensitivity.INTERNAL


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One event to be appended. `before` and `after` are digests, `data` what a reader needs to understand it.

    `actor`, `at`, `request_id` and `client` are its own where the events of several requests share a transaction.
    """

    action: str
    subject: Subject
    data: Mapping[str, Any] = field(default_factory=dict)
    before: str | None = None
    after: str | None = None
    actor: Principal | None = None
    at: datetime | None = None
    request_id: str | None = None
    client: str | None = None


def append(
    *,
    actor: Principal,
    action: str,
    subject: Subject,
    now: datetime,
    data: Mapping[str, Any] | None = None,
    before: str | None = None,
    after: str | None = None,
) -> AuditEvent:
    """Append one event. Call it last in the transaction: it takes the ledger's lock until commit."""
    entry = Entry(action=action, subject=subject, data=data or {}, before=before, after=after)
    return append_all(actor=actor, entries=[entry], now=now)[0]


def append_all(*, actor: Principal, entries: Sequence[Entry], now: datetime) -> list[AuditEvent]:
    """Append several events of one transaction, in order. One statement, whatever their number."""
    if not connection.in_atomic_block:
        raise LedgerOutsideTransaction("Audit events are appended inside transaction.atomic().")
    if not entries:
        return []
    # What needs no lock is made before it is taken: while one holds it, all others wait.
    request_id, client = current_request_id(), current_client_address()
    events = [
        _prepared(
            entry,
            actor=entry.actor or actor,
            at=entry.at or now,
            request_id=request_id if entry.request_id is None else entry.request_id,
            client=client if entry.client is None else entry.client,
        )
        for entry in entries
    ]
    with connection.cursor() as cursor:
        # Takes the lock (LEDGER_LOCK), reads the head and writes, in one round trip: governance/migrations/0010.
        cursor.execute(
            "SELECT sequence, recorded_at, previous_hash, hash FROM plumbline_append(%s::jsonb)",
            [orjson.dumps([_sent(event) for event in events]).decode()],
        )
        for event, place in zip(events, cursor.fetchall(), strict=True):
            event.sequence, event.recorded_at, event.previous_hash, event.hash = place
            event._state.adding, event._state.db = False, connection.alias
    return events


def lock_ledger() -> None:
    """Take the ledger's lock until commit, for what must not run beside an append."""
    if not connection.in_atomic_block:
        raise LedgerOutsideTransaction("The ledger is locked inside transaction.atomic().")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LEDGER_LOCK])


def _prepared(entry: Entry, *, actor: Principal, at: datetime, request_id: str, client: str) -> AuditEvent:
    """The event but for its place in the chain. `client` is payload, so that retention can take it out."""
    event = AuditEvent(
        at=at,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label[:200],
        action=entry.action,
        subject_type=entry.subject.type,
        subject_id=entry.subject.id,
        subject_label=entry.subject.label[:300],
        sensitivity=int(entry.subject.sensitivity),
        request_id=request_id,
        before_digest=entry.before or "",
        after_digest=entry.after or "",
        data=plain({**entry.data, "client": client} if client else entry.data),
        salt=secrets.token_hex(16),
    )
    event.payload_digest = payload_digest(event)
    return event


def _sent(event: AuditEvent) -> dict[str, Any]:
    return {
        "at": iso(event.at),
        "actor_kind": event.actor_kind,
        "actor_id": event.actor_id,
        "actor_label": event.actor_label,
        "action": event.action,
        "subject_type": event.subject_type,
        "subject_id": event.subject_id,
        "subject_label": event.subject_label,
        "sensitivity": event.sensitivity,
        "request_id": event.request_id,
        "before": event.before_digest,
        "after": event.after_digest,
        "data": event.data,
        "salt": event.salt,
        "payload_digest": event.payload_digest,
    }


def payload_digest(event: AuditEvent) -> str:
    """SHA-256 over what may one day be redacted: labels and data, salted against guessing."""
    return digest_of(
        {
            "actor_label": event.actor_label,
            "subject_label": event.subject_label,
            "data": event.data,
            "salt": event.salt,
        }
    )


def hash_of(event: AuditEvent) -> str:
    """SHA-256 over the canonical JSON of the event's header, the previous event's hash included."""
    header = {
        "sequence": event.sequence,
        "at": iso(event.at),
        "recorded_at": iso(event.recorded_at),
        "actor": {"kind": event.actor_kind, "id": event.actor_id},
        "action": event.action,
        "subject": {"type": event.subject_type, "id": event.subject_id},
        "sensitivity": int(event.sensitivity),
        "request_id": event.request_id,
        "before": event.before_digest,
        "after": event.after_digest,
        "payload": event.payload_digest,
        "previous": event.previous_hash,
    }
    return hashlib.sha256(canonical(header)).hexdigest()
