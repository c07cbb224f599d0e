"""The one writer of the audit ledger: appends hash-chained events in the caller's transaction; must not judge them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from context.access import Principal
from context.digests import canonical, digest_of, iso, plain
from context.errors import DomainError
from context.models import Sensitivity
from context.request_id import current_request_id
from governance.models import AuditEvent
from governance.models.audit import GENESIS_HASH

# One lock for the whole ledger: the holder alone knows the head, so the chain cannot fork.
LEDGER_LOCK = 7_246_511
_COLUMNS = (
    "sequence",
    "at",
    "recorded_at",
    "actor_kind",
    "actor_id",
    "actor_label",
    "action",
    "subject_type",
    "subject_id",
    "subject_label",
    "sensitivity",
    "request_id",
    "before_digest",
    "after_digest",
    "salt",
    "payload_digest",
    "previous_hash",
    "hash",
    "data",
)


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

    `actor`, `at` and `request_id` are its own where the events of several requests share a transaction.
    """

    action: str
    subject: Subject
    data: Mapping[str, Any] = field(default_factory=dict)
    before: str | None = None
    after: str | None = None
    actor: Principal | None = None
    at: datetime | None = None
    request_id: str | None = None


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
    """Append several events of one transaction, in order. Two statements, whatever their number."""
    if not connection.in_atomic_block:
        raise LedgerOutsideTransaction("Audit events are appended inside transaction.atomic().")
    if not entries:
        return []
    # What needs no lock is made before it is taken: while one holds it, all others wait.
    payloads = [(plain(entry.data), secrets.token_hex(16)) for entry in entries]
    request_id = current_request_id()
    with connection.cursor() as cursor:
        # Takes the lock (LEDGER_LOCK) and then reads the head, in one round trip: governance/migrations/0007.
        cursor.execute("SELECT recorded_at, head_sequence, head_hash FROM plumbline_ledger_head()")
        recorded_at, sequence, previous_hash = cursor.fetchone()
    sequence, previous_hash = sequence or 0, previous_hash or GENESIS_HASH
    events = []
    for entry, (data, salt) in zip(entries, payloads, strict=True):
        sequence += 1
        who = entry.actor or actor
        event = AuditEvent(
            sequence=sequence,
            at=entry.at or now,
            recorded_at=recorded_at,
            actor_kind=who.kind,
            actor_id=who.id,
            actor_label=who.label[:200],
            action=entry.action,
            subject_type=entry.subject.type,
            subject_id=entry.subject.id,
            subject_label=entry.subject.label[:300],
            sensitivity=entry.subject.sensitivity,
            request_id=request_id if entry.request_id is None else entry.request_id,
            before_digest=entry.before or "",
            after_digest=entry.after or "",
            data=data,
            salt=salt,
            previous_hash=previous_hash,
        )
        event.payload_digest = payload_digest(event)
        event.hash = hash_of(event)
        previous_hash = event.hash
        events.append(event)
    return _insert(events)


def lock_ledger() -> None:
    """Take the ledger's lock until commit, for what must not run beside an append."""
    if not connection.in_atomic_block:
        raise LedgerOutsideTransaction("The ledger is locked inside transaction.atomic().")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LEDGER_LOCK])


def _insert(events: list[AuditEvent]) -> list[AuditEvent]:
    """One statement. Written by hand, because the lock is held meanwhile: bulk_create takes three times as long."""
    row = f"({', '.join(['%s'] * len(_COLUMNS))})"
    values: list[Any] = []
    for event in events:
        values += [getattr(event, name) for name in _COLUMNS[:-1]]
        values.append(Jsonb(event.data))
        event._state.adding, event._state.db = False, connection.alias
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO governance_auditevent ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * len(events))}",  # noqa: S608  our own names
            values,
        )
    return events


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
