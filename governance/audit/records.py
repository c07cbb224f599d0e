"""One audit event as a record for others: our own, OCSF, or a row of CSV; must not choose events or sign."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from context.digests import iso
from context.models import Sensitivity
from context.spreadsheets import text_cell
from governance.audit.chain import as_doubles
from governance.audit.withholding import read_event
from governance.models import AuditEvent

OCSF_VERSION = "1.3.0"
# Entity Management, in the category Identity & Access Management.
OCSF_CATEGORY, OCSF_CLASS = 3, 3004

CSV_COLUMNS = (
    "sequence",
    "at",
    "recorded_at",
    "actor_kind",
    "actor_id",
    "actor",
    "action",
    "subject_type",
    "subject_id",
    "subject",
    "sensitivity",
    "request_id",
    "before",
    "after",
    "data",
    "payload",
    "payload_digest",
    "previous_hash",
    "hash",
)


def native(event: AuditEvent, *, clearance: int) -> dict[str, Any]:
    """All from which the two hashes can be computed again; where the payload is not the reader's, its digest alone."""
    told = read_event(event, clearance=clearance)
    actor: dict[str, Any] = {"kind": event.actor_kind, "id": event.actor_id}
    subject: dict[str, Any] = {"type": event.subject_type, "id": event.subject_id}
    record = {
        "type": "event",
        "sequence": event.sequence,
        "at": iso(event.at),
        "recorded_at": iso(event.recorded_at),
        "actor": actor,
        "action": event.action,
        "subject": subject,
        "sensitivity": event.sensitivity,
        "request_id": event.request_id,
        "before": event.before_digest,
        "after": event.after_digest,
        "payload": event.payload_digest,
        "payload_state": told.payload_state,
        "previous": event.previous_hash,
        "hash": event.hash,
    }
    if told.is_whole:
        actor["label"], subject["label"] = told.actor_label, told.subject_label
        record |= {"data": as_doubles(told.data), "salt": told.salt}
    return record


def ocsf(event: AuditEvent, *, clearance: int) -> dict[str, Any]:
    """The event as OCSF Entity Management (3004); what OCSF has no word for stands in `unmapped`."""
    told = read_event(event, clearance=clearance)
    activity_id, activity_name = _activity(event.action)
    denied = event.action.endswith((".denied", ".refused"))
    user: dict[str, Any] = {"uid": f"{event.actor_kind}:{event.actor_id}", **_USER_TYPES[event.actor_kind]}
    entity: dict[str, Any] = {"type": event.subject_type, "uid": event.subject_id}
    unmapped: dict[str, Any] = {
        "before": event.before_digest,
        "after": event.after_digest,
        "payload_digest": event.payload_digest,
        "payload_state": told.payload_state,
        "previous_hash": event.previous_hash,
        "hash": event.hash,
        "sensitivity": Sensitivity(event.sensitivity).word,
    }
    if told.is_whole:
        user["name"], entity["name"] = told.actor_label, told.subject_label
        entity["data"] = as_doubles(told.data)
    return {
        "activity_id": activity_id,
        "activity_name": activity_name,
        "category_uid": OCSF_CATEGORY,
        "category_name": "Identity & Access Management",
        "class_uid": OCSF_CLASS,
        "class_name": "Entity Management",
        "type_uid": OCSF_CLASS * 100 + activity_id,
        "time": _milliseconds(event.at),
        "severity_id": 3 if denied else 1,
        "severity": "Medium" if denied else "Informational",
        "status_id": 2 if denied else 1,
        "status": "Failure" if denied else "Success",
        "message": f"{told.actor_label} {told.action} {told.subject_label}" if told.is_whole else told.action,
        "actor": {"user": user},
        "entity": entity,
        "metadata": {
            "version": OCSF_VERSION,
            "product": {"name": "Plumbline", "vendor_name": "Plumbline"},
            "uid": event.hash,
            "sequence": event.sequence,
            "event_code": event.action,
            "logged_time": _milliseconds(event.recorded_at),
            **({"correlation_uid": event.request_id} if event.request_id else {}),
        },
        "unmapped": unmapped,
    }


def csv_row(event: AuditEvent, *, clearance: int) -> list[str]:
    """The event as text cells, none of which a spreadsheet would compute."""
    told = read_event(event, clearance=clearance)
    cells: Iterable[Any] = (
        event.sequence,
        iso(event.at),
        iso(event.recorded_at),
        event.actor_kind,
        event.actor_id,
        told.actor_label,
        event.action,
        event.subject_type,
        event.subject_id,
        told.subject_label,
        Sensitivity(event.sensitivity).word,
        event.request_id,
        event.before_digest,
        event.after_digest,
        orjson.dumps(as_doubles(told.data), option=orjson.OPT_SORT_KEYS).decode() if told.is_whole else "",
        told.payload_state,
        event.payload_digest,
        event.previous_hash,
        event.hash,
    )
    return [text_cell(cell) for cell in cells]


_USER_TYPES: dict[str, dict[str, Any]] = {
    "person": {"type_id": 1, "type": "User"},
    "system": {"type_id": 3, "type": "System"},
    "agent": {"type_id": 99, "type": "Agent"},
}
_ACTIVITIES = {
    1: ("Create", ("created", "added", "issued", "placed", "proposed", "started")),
    2: ("Read", ("read", "served", "exported", "verified")),
    4: ("Delete", ("deleted", "removed", "retired", "redacted", "revoked", "withdrawn")),
    3: ("Update", ("changed", "edited", "described", "published", "set", "lifted", "rotated", "replaced", "updated")),
}


def _activity(action: str) -> tuple[int, str]:
    verb = action.rsplit(".", 1)[-1]
    for number, (name, verbs) in _ACTIVITIES.items():
        if verb in verbs or verb.rsplit("_", 1)[-1] in verbs:
            return number, name
    return 99, verb


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
