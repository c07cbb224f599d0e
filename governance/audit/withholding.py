"""What an auditor is told of one event: labels and data above their clearance are withheld; must not choose events.

The pages, the API, exports and streams all read events through here, and searches match nothing that is withheld
(`told_to`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from governance.models import AuditEvent

WHOLE, WITHHELD, REDACTED = "whole", "withheld", "redacted"
IN_PLACE = {WITHHELD: "withheld: above your clearance", REDACTED: "redacted"}


@dataclass(frozen=True, kw_only=True, slots=True)
class EventReading:
    """One event as a reader may know it. Labels and salt are empty and `data` too unless `payload_state` is whole."""

    sequence: int
    at: datetime
    recorded_at: datetime
    actor_kind: str
    actor_id: int
    actor_label: str
    action: str
    subject_type: str
    subject_id: str
    subject_label: str
    sensitivity: int
    request_id: str
    before_digest: str
    after_digest: str
    data: dict[str, Any]
    salt: str
    payload_state: str
    payload_digest: str
    previous_hash: str
    hash: str

    @property
    def is_whole(self) -> bool:
        return self.payload_state == WHOLE

    @property
    def in_place(self) -> str:
        """What stands where the payload would."""
        return IN_PLACE.get(self.payload_state, "")


def payload_state(event: AuditEvent, clearance: int) -> str:
    """Whether the reader gets labels and data, or they are above their clearance, or gone by the rules."""
    if event.is_redacted:
        return REDACTED
    return WHOLE if event.sensitivity <= clearance else WITHHELD


def read_event(event: AuditEvent, *, clearance: int) -> EventReading:
    """The event as somebody of this clearance may know it."""
    state = payload_state(event, clearance)
    whole = state == WHOLE
    return EventReading(
        sequence=event.sequence,
        at=event.at,
        recorded_at=event.recorded_at,
        actor_kind=event.actor_kind,
        actor_id=event.actor_id,
        actor_label=event.actor_label if whole else "",
        action=event.action,
        subject_type=event.subject_type,
        subject_id=event.subject_id,
        subject_label=event.subject_label if whole else "",
        sensitivity=event.sensitivity,
        request_id=event.request_id,
        before_digest=event.before_digest,
        after_digest=event.after_digest,
        data=event.data if whole else {},
        salt=event.salt if whole else "",
        payload_state=state,
        payload_digest=event.payload_digest,
        previous_hash=event.previous_hash,
        hash=event.hash,
    )


def told_to(clearance: int) -> Q:
    """The events whose labels and data a reader of this clearance gets, so may search by."""
    return Q(sensitivity__lte=clearance)
