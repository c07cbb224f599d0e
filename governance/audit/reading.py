"""Reads the ledger for those who audit; must not append to it or verify it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from context.access import Principal
from context.errors import NotFound, NotPermitted
from context.models import User
from governance.audit.verification import Verdict, verify_chain, verify_in_steps
from governance.audit.withholding import EventReading, read_event, told_to
from governance.models import AuditEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class EventFilters:
    """Which events are asked for; what is empty is not filtered by.

    `actor` is a label or a user name, `who` a part of either, `action` a whole name or its beginning up to a dot,
    `subject` an id or `type:id`, `subjects` several of them as pairs; `about` is part of the subject's label, an id,
    or a request id; `since` is included, `until` is not.
    """

    actor: str = ""
    who: str = ""
    action: str = ""
    subject: str = ""
    subjects: tuple[tuple[str, str], ...] = ()
    request_id: str = ""
    about: str = ""
    since: datetime | None = None
    until: datetime | None = None


def events_of(*, principal: Principal, filters: EventFilters) -> QuerySet[AuditEvent]:
    """The events asked for, for an auditor or administrator; NotPermitted for anyone else.

    Labels above the reader's clearance are withheld from them, so they are not searched either.
    """
    require_auditor(principal)
    events = AuditEvent.objects.visible_to(principal)
    told = told_to(principal.clearance)
    if filters.actor:
        named = Q(actor_kind="person", actor_id__in=_people(filters.actor))
        events = events.filter((told & Q(actor_label=filters.actor)) | named)
    if filters.who:
        people = User.objects.filter(username__icontains=filters.who).values_list("pk", flat=True)
        named = Q(actor_kind="person", actor_id__in=list(people))
        events = events.filter((told & Q(actor_label__icontains=filters.who)) | named)
    if filters.action:
        events = events.filter(Q(action=filters.action) | Q(action__startswith=f"{filters.action.rstrip('.')}."))
    if filters.subject:
        kind, _, identity = filters.subject.partition(":")
        typed = Q(subject_type=kind, subject_id=identity) if identity else Q(pk__in=[])
        events = events.filter(Q(subject_id=filters.subject) | typed)
    if filters.subjects:
        by_type: dict[str, list[str]] = {}
        for kind, identity in filters.subjects:
            by_type.setdefault(kind, []).append(identity)
        named = Q(pk__in=[])
        for kind, identities in by_type.items():
            named |= Q(subject_type=kind, subject_id__in=identities)
        events = events.filter(named)
    if filters.request_id:
        events = events.filter(request_id=filters.request_id)
    if filters.about:
        labelled = told & Q(subject_label__icontains=filters.about)
        events = events.filter(labelled | Q(subject_id=filters.about) | Q(request_id=filters.about))
    if filters.since is not None:
        events = events.filter(at__gte=filters.since)
    if filters.until is not None:
        events = events.filter(at__lt=filters.until)
    return events


def one_event(*, principal: Principal, sequence: int) -> EventReading:
    """One event as this auditor may know it; NotFound where there is none, or none for them."""
    found = AuditEvent.objects.visible_to(principal).filter(sequence=sequence).first()
    if found is None:
        raise NotFound("There is no such event.")
    return read_event(found, clearance=principal.clearance)


def verify_ledger(*, principal: Principal) -> Verdict:
    """Recompute the whole chain, for an auditor or administrator."""
    require_auditor(principal)
    return verify_chain()


def verify_ledger_in_steps(*, principal: Principal) -> Generator[int, None, Verdict]:
    """As `verify_ledger`, telling after every batch how far it has got."""
    require_auditor(principal)
    return verify_in_steps()


def require_auditor(principal: Principal) -> None:
    if not (principal.kind == "system" or principal.has_role("auditor") or principal.has_role("administrator")):
        raise NotPermitted("The audit ledger is for auditors.", fix="Ask an administrator for the role of auditor.")


def _people(username: str) -> list[int]:
    return list(User.objects.filter(username=username).values_list("pk", flat=True))
