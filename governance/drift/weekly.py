"""Tells each owner once a week which findings wait for them; must not remind of deadlines (reminders.py does)."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db import transaction

from governance.audit import ledger
from governance.drift.telling import MINE
from governance.models import Finding, NotificationKind, Reminder, ReminderStep, Severity
from governance.notifying import notify

NAMED_AT_MOST = 3
SUBJECT = "findings_week"


def tell_weekly(*, now: datetime) -> int:
    """Tell everybody who owns findings that wait, once in the week that began on Monday at DIGEST_HOUR (UTC).

    What was told is recorded with it: calling this too often does no harm. Returns how many people were told.
    """
    week = _begin_of_week(now)
    theirs: dict[int, list[Finding]] = defaultdict(list)
    waiting = Finding.objects.awaiting(now).filter(owner__is_active=True, opened_at__lt=now)
    for finding in waiting.select_related("owner").order_by("-severity", "due_at", "pk"):
        # Above what its owner may read, a finding waits for others to give it away.
        if finding.owner is not None and finding.sensitivity <= finding.owner.clearance:
            theirs[finding.owner.pk].append(finding)
    told = set(Reminder.objects.filter(subject_type=SUBJECT, due_at=week).values_list("person_id", flat=True))
    count = 0
    for person_id, findings in sorted(theirs.items()):
        if person_id in told:
            continue
        with transaction.atomic():
            made = Reminder.objects.bulk_create(
                [
                    Reminder(
                        person_id=person_id,
                        subject_type=SUBJECT,
                        subject_id=f"{week:%G-W%V}",
                        due_at=week,
                        step=ReminderStep.DUE,
                        reminded_at=now,
                    )
                ],
                ignore_conflicts=True,
            )
            if not Reminder.objects.filter(
                person_id=person_id, subject_type=SUBJECT, due_at=week, reminded_at=now
            ).exists():
                continue  # another worker was faster
            notify(
                people=[person_id],
                kind=NotificationKind.FINDINGS_WEEKLY,
                subject=ledger.Subject(
                    type="findings",
                    id=str(person_id),
                    label=made[0].subject_id,
                    sensitivity=max(finding.sensitivity for finding in findings[:NAMED_AT_MOST]),
                ),
                text=_words(findings, now),
                url=MINE,
                now=now,
            )
            count += 1
    return count


def _begin_of_week(now: datetime) -> datetime:
    """The last Monday at the hour of digests."""
    at = now.astimezone(UTC)
    monday = datetime.combine(at.date() - timedelta(days=at.weekday()), time(settings.DIGEST_HOUR), tzinfo=UTC)
    return monday if monday <= at else monday - timedelta(days=7)


def _words(findings: list[Finding], now: datetime) -> str:
    grave = sum(finding.severity >= Severity.HIGH for finding in findings)
    late = sum(finding.due_at is not None and finding.due_at < now for finding in findings)
    count = (
        f"{len(findings)} finding{'s' if len(findings) != 1 else ''} wait{'s' if len(findings) == 1 else ''} for you"
    )
    more = ", ".join([f"{grave} grave"] * bool(grave) + [f"{late} overdue"] * bool(late))
    named = " ".join(f"{finding.summary.rstrip('.')}." for finding in findings[:NAMED_AT_MOST])
    rest = f" And {len(findings) - NAMED_AT_MOST} more." if len(findings) > NAMED_AT_MOST else ""
    return f"{count}{f' ({more})' if more else ''}. {named[:480]}{rest}"
