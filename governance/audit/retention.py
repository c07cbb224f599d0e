"""Retention and legal hold: redacts what may no longer be kept, without breaking the chain; must not delete events.

A redacted event loses its labels, data and salt; its header, its hash and the digest of what it lost stand. The
database lets that happen in one way only (governance/migrations/0007_audit_guards.py), and asks the holds itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from context.access import Principal
from context.digests import check_storable
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.audit.chain import REDACTED, ranges_of
from governance.audit.reading import require_auditor
from governance.models import ITEM, AuditEvent, AuditRedaction, Edit, LegalHold, RetentionRule

# Shorter would fall below what the EU AI Act (art. 19 and 26) asks to be kept of logs: six months.
SHORTEST_DAYS, LONGEST_DAYS = 183, 36_500
EVENTS_AT_ONCE = 5_000
OWN_ACTIONS = "governance.audit."
_PREFIX = re.compile(r"([a-z][a-z0-9_]*)(\.[a-z][a-z0-9_]*)*")


def set_retention(*, actor: Principal, action_prefix: str, days: int, now: datetime) -> RetentionRule:
    """Keep the payload of events of that class for `days` days; the empty prefix is every action."""
    with _attempting("set_retention", actor, "retention", action_prefix, now):
        _require_administrator(actor)
    _check_prefix(action_prefix)
    if not SHORTEST_DAYS <= days <= LONGEST_DAYS:
        raise InvalidInput(
            f"{days} days is not a retention.",
            field="days",
            limit=f"{SHORTEST_DAYS} to {LONGEST_DAYS}",
            fix="Keep payloads for half a year or longer.",
        )
    with transaction.atomic():
        before = RetentionRule.objects.select_for_update().filter(action_prefix=action_prefix).first()
        old_days = before.days if before else None
        rule, _ = RetentionRule.objects.update_or_create(
            action_prefix=action_prefix, defaults={"days": days, "set_at": now, "set_by_label": actor.label}
        )
        _record(actor, "retention_set", "retention", action_prefix or "*", now, before=old_days, after=days)
    return rule


def remove_retention(*, actor: Principal, action_prefix: str, now: datetime) -> None:
    """Forget a rule: payloads of that class fall to the next shorter prefix, or are kept for ever."""
    with _attempting("remove_retention", actor, "retention", action_prefix, now):
        _require_administrator(actor)
    with transaction.atomic():
        rule = RetentionRule.objects.select_for_update().filter(action_prefix=action_prefix).first()
        if rule is None:
            raise NotFound(f"There is no retention for {action_prefix or 'every action'!r}.")
        _record(actor, "retention_removed", "retention", action_prefix or "*", now, before=rule.days, after=None)
        rule.delete()


def place_hold(
    *,
    actor: Principal,
    name: str,
    reason: str,
    now: datetime,
    subject_type: str = "",
    subject_id: str = "",
    held: Principal | None = None,
    action_prefix: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> LegalHold:
    """Keep the payload of the events that match all that is given, whatever the retention; `held` is their actor.

    A hold on an item (`subject_type` item, `subject_id` its key) keeps the events of its changes as well.
    """
    with _attempting("place_hold", actor, "hold", name, now):
        _require_holder(actor)
    for field, value, limit in (("name", name, 120), ("reason", reason, 5_000)):
        check_storable(value, field=field)
        if not value.strip() or len(value) > limit:
            raise InvalidInput(f"A legal hold needs a {field}.", field=field, limit=limit, fix=f"Give a {field}.")
    _check_prefix(action_prefix)
    if since is not None and until is not None and until <= since:
        raise InvalidInput("The period of the hold ends before it begins.", field="until", fix="Swap the two.")
    with transaction.atomic():
        # No redaction runs beside it: either that is over, or it will find this hold.
        ledger.lock_ledger()
        if LegalHold.objects.filter(name=name.strip()).exists():
            raise Conflict(f"There is a legal hold {name.strip()!r} already.", field="name")
        hold = LegalHold.objects.create(
            name=name.strip(),
            reason=reason.strip(),
            subject_type=subject_type,
            subject_id=subject_id,
            actor_kind=held.kind if held else "",
            actor_id=held.id if held else None,
            action_prefix=action_prefix,
            since=since,
            until=until,
            placed_at=now,
            placed_by_label=actor.label[:200],
        )
        _record(
            actor,
            "hold_placed",
            "hold",
            str(hold.pk),
            now,
            label=hold.name,
            reason=hold.reason,
            matches={
                "subject": [subject_type, subject_id],
                "actor": [hold.actor_kind, hold.actor_id],
                "action": action_prefix,
                "since": since,
                "until": until,
            },
        )
    return hold


def lift_hold(*, actor: Principal, hold_id: int, reason: str, now: datetime) -> LegalHold:
    """End a hold, for a reason: what it kept falls to retention again."""
    with _attempting("lift_hold", actor, "hold", str(hold_id), now):
        _require_holder(actor)
    check_storable(reason, field="reason")
    if not reason.strip():
        raise InvalidInput("Say why the hold is lifted.", field="reason", fix="Give a reason.")
    with transaction.atomic():
        hold = LegalHold.objects.select_for_update().filter(pk=hold_id).first()
        if hold is None:
            raise NotFound(f"There is no legal hold {hold_id}.")
        if hold.lifted_at is not None:
            raise Conflict(f"The hold {hold.name!r} was lifted already.", field="lifted_at")
        hold.lifted_at, hold.lifted_by_label, hold.lifted_because = now, actor.label[:200], reason.strip()
        hold.save(update_fields=["lifted_at", "lifted_by_label", "lifted_because"])
        _record(actor, "hold_lifted", "hold", str(hold.pk), now, label=hold.name, reason=reason.strip())
    return hold


def holds_of(*, principal: Principal) -> list[LegalHold]:
    """All holds, the latest first, those lifted too; for auditors and administrators."""
    require_auditor(principal)
    return list(LegalHold.objects.order_by("-pk"))


def retention_of(*, principal: Principal) -> list[RetentionRule]:
    """How long payloads are kept, by class of action; for auditors and administrators."""
    require_auditor(principal)
    return list(RetentionRule.objects.order_by("action_prefix"))


def redact_expired_events(*, actor: Principal, now: datetime) -> int:
    """Redact every event that is past its retention and on no hold; returns how many. A transaction for each 5,000."""
    with _attempting("redact", actor, "retention", "", now):
        _require_administrator(actor)
    redacted = 0
    rules = list(RetentionRule.objects.all())
    for rule in rules:
        while count := _redact(actor, rule, [each.action_prefix for each in rules], now):
            redacted += count
    return redacted


def _redact(actor: Principal, rule: RetentionRule, prefixes: Iterable[str], now: datetime) -> int:
    cutoff = now - timedelta(days=rule.days)
    with transaction.atomic():
        ledger.lock_ledger()
        expired = AuditEvent.objects.filter(recorded_at__lt=cutoff).exclude(salt="")
        expired = expired.filter(_of_class(rule.action_prefix)).exclude(action__startswith=OWN_ACTIONS)
        for other in prefixes:
            if other != rule.action_prefix and len(other) > len(rule.action_prefix):
                expired = expired.exclude(_of_class(other))
        for hold in LegalHold.objects.filter(lifted_at__isnull=True):
            expired = expired.exclude(_held_by(hold))
        sequences = list(expired.order_by("sequence").values_list("sequence", flat=True)[:EVENTS_AT_ONCE])
        if not sequences:
            return 0
        made = AuditRedaction.objects.create(
            action_prefix=rule.action_prefix,
            days=rule.days,
            recorded_before=cutoff,
            sequences=sequences,
            redacted_at=now,
            redacted_by_label=actor.label[:200],
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT plumbline_redact(%s)", [made.pk])
            (done,) = cursor.fetchone()
        if done != len(sequences):
            raise Conflict(f"{done} of {len(sequences)} events were redacted, so none is.")
        ledger.append(
            actor=actor,
            action=REDACTED,
            subject=ledger.Subject(type="redaction", id=str(made.pk), label=f"Redaction {made.pk}"),
            now=now,
            data={
                "rule": rule.action_prefix,
                "days": rule.days,
                "recorded_before": cutoff,
                "events": len(sequences),
                "ranges": ranges_of(sequences),
            },
        )
    return len(sequences)


def _of_class(prefix: str) -> Q:
    return Q(action=prefix) | Q(action__startswith=f"{prefix}.") if prefix else Q(sequence__gt=0)


def _held_by(hold: LegalHold) -> Q:
    """The condition that the trigger asks, so that a batch is not refused for one event of it."""
    about = Q(subject_type=hold.subject_type) if hold.subject_type else Q()
    if hold.subject_id:
        about &= Q(subject_id=hold.subject_id)
        if hold.subject_type == "item":
            # What is told of the changes of an item is about the item as well.
            edits = Edit.objects.filter(record=ITEM, key=hold.subject_id).values_list("change_id", flat=True)
            about |= Q(subject_type="change", subject_id__in=[str(change) for change in edits])
    held = _of_class(hold.action_prefix) & about
    if hold.actor_kind:
        held &= Q(actor_kind=hold.actor_kind)
    if hold.actor_id is not None:
        held &= Q(actor_id=hold.actor_id)
    if hold.since is not None:
        held &= Q(at__gte=hold.since)
    if hold.until is not None:
        held &= Q(at__lt=hold.until)
    return held


def _attempting(step: str, actor: Principal, kind: str, identity: str, now: datetime) -> AbstractContextManager[None]:
    named = identity[:80] or "*"
    return denials_recorded(
        actor=actor,
        action=f"governance.audit.{step}",
        subject=lambda: ledger.Subject(type=kind, id=named, label=f"{kind} {named}"),
        now=now,
    )


def _check_prefix(prefix: str) -> None:
    if prefix and (len(prefix) > 80 or not _PREFIX.fullmatch(prefix)):
        raise InvalidInput(
            f"{prefix[:80]!r} is not the name or the beginning of an action.",
            field="action_prefix",
            limit=80,
            fix="Use whole words up to a full stop, such as agents.bundle.",
        )


def _require_administrator(actor: Principal) -> None:
    if not (actor.kind == "system" or actor.has_role("administrator")):
        raise NotPermitted("Retention is set by administrators.", fix="Ask an administrator.")


def _require_holder(actor: Principal) -> None:
    if not (actor.kind == "system" or actor.has_role("administrator") or actor.has_role("auditor")):
        raise NotPermitted("Legal holds are placed and lifted by auditors and administrators.", fix="Ask an auditor.")


def _record(
    actor: Principal, verb: str, kind: str, identity: str, now: datetime, *, label: str = "", **data: Any
) -> None:
    ledger.append(
        actor=actor,
        action=f"governance.audit.{verb}",
        subject=ledger.Subject(type=kind, id=identity, label=label or f"{kind} {identity}"),
        now=now,
        data=data,
    )
