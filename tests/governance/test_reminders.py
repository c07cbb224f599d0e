"""Deadlines are reminded of before they come, on the day and above afterwards: once each, whatever happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from context.models import ContextItem
from governance.audit.verification import verify_chain
from governance.changes import reopen_change, submit_change
from governance.drift.findings import Sighting, open_finding
from governance.models import AuditEvent, Notification, Reminder, ReminderStep, Severity
from governance.reminders import remind, step_at
from governance.reviews import review_change
from governance.tasks import deliver_notifications, look_for_departed_owners, remind_of_deadlines
from governance.verification import verify_items
from tests.cast import Cast, creation, publish, submit
from tests.governance.test_races import together


def told(kind: str) -> list[str]:
    return sorted(Notification.objects.filter(kind=kind).values_list("person__username", flat=True))


def test_step__by_the_clock__is_soon_then_due_from_the_day_on() -> None:
    due = datetime(2026, 12, 10, 15, tzinfo=UTC)

    def at(day: int, hour: int) -> ReminderStep | None:
        return step_at(due_at=due, remind_days=2, now=datetime(2026, 12, day, hour, tzinfo=UTC))

    assert [at(8, 14), at(8, 15), at(9, 23), at(10, 0), at(12, 0)] == [
        None,
        ReminderStep.SOON,
        ReminderStep.SOON,
        ReminderStep.DUE,
        ReminderStep.DUE,
    ]


def test_stage__before_on_and_after_the_due_date__tells_each_once(cast: Cast) -> None:
    start = timezone.now().replace(hour=12)
    change = submit(cast, creation("legal/liability"), now=start)
    Notification.objects.all().delete()

    assert remind(now=start + timedelta(days=3)) == 0
    assert remind(now=start + timedelta(days=4)) == 1  # the day before
    assert remind(now=start + timedelta(days=4)) == 0
    assert remind(now=start + timedelta(days=5, hours=-1)) == 1  # on the day
    assert told("review_due") == ["reviewer", "reviewer"]
    assert remind(now=start + timedelta(days=5)) == 1  # and above
    assert remind(now=start + timedelta(days=50)) == 0
    assert told("review_escalated") == ["owner"]

    # It decides nothing.
    change.refresh_from_db()
    assert (change.state, change.reviews.count()) == ("in_review", 0)


def test_stage__after_a_new_submission__reminds_anew(cast: Cast) -> None:
    start = timezone.now()
    change = submit(cast, creation("legal/liability"), now=start)
    remind(now=start + timedelta(days=6))
    reopen_change(actor=cast.author, change_id=change.pk, now=start + timedelta(days=6))
    submit_change(actor=cast.author, change_id=change.pk, now=start + timedelta(days=6))

    assert remind(now=start + timedelta(days=7)) == 0
    assert remind(now=start + timedelta(days=12)) == 2


def test_stage__approved_in_time__reminds_nobody(cast: Cast) -> None:
    start = timezone.now()
    change = submit(cast, creation("legal/liability"), now=start)
    review_change(actor=cast.reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=start)

    assert remind(now=start + timedelta(days=30)) == 0


def test_verification__many_texts__are_one_notice_and_escalate_after_the_grace(cast: Cast) -> None:
    start = timezone.now().replace(hour=12)
    texts = [creation(f"legal/text-{each}", owner="outsider", review_interval_days=30) for each in range(5)]
    publish(cast, *texts, now=start)
    Notification.objects.all().delete()

    assert remind(now=start + timedelta(days=22)) == 0
    assert remind(now=start + timedelta(days=23)) == 5
    assert remind(now=start + timedelta(days=30)) == 5
    assert told("verification_due") == ["outsider", "outsider"]
    assert "(5): “Text 0”, “Text 1”, “Text 2” and 2 more" in Notification.objects.first().text
    assert remind(now=start + timedelta(days=43)) == 0
    assert remind(now=start + timedelta(days=44)) == 5
    assert told("verification_escalated") == ["owner"]


def test_verification__confirmed__reminds_again_only_of_the_next_deadline(cast: Cast) -> None:
    start = timezone.now()
    publish(cast, creation("legal/liability", owner="owner", review_interval_days=30), now=start)
    remind(now=start + timedelta(days=31))
    verify_items(actor=cast.owner, keys=["legal/liability"], now=start + timedelta(days=32))

    assert remind(now=start + timedelta(days=33)) == 0
    assert remind(now=start + timedelta(days=63)) == 1


def test_verification__owner_left__reminds_who_answers_now(cast: Cast) -> None:
    start = timezone.now()
    publish(cast, creation("legal/liability", owner="outsider", review_interval_days=30), now=start)
    cast.outsider.is_active = False
    cast.outsider.save()
    Notification.objects.all().delete()

    remind(now=start + timedelta(days=31))

    assert told("verification_due") == ["owner"]


def test_finding__due_and_late__goes_to_its_owner_and_then_above(cast: Cast) -> None:
    start = timezone.now()
    [item] = publish(cast, creation("legal/liability", owner="outsider"), now=start)
    seen = Sighting(
        detector="stale", summary="Old", cause={"i": 1}, evidence={"x": 1}, severity=Severity.CRITICAL, item=item
    )
    open_finding(seen=seen, now=start)

    assert remind(now=start + timedelta(hours=23)) == 0
    assert remind(now=start + timedelta(hours=25)) == 1
    assert told("finding_due") == ["outsider"]
    assert remind(now=start + timedelta(days=3)) == 2
    assert told("finding_escalated") == ["owner"]


def test_remind__crash_between_two_people__tells_the_second_later_and_the_first_not_again(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = timezone.now()
    publish(cast, creation("legal/a", owner="outsider"), creation("legal/b", owner="reviewer"), now=start)
    Notification.objects.all().delete()
    people = []

    def fail_at_the_second(**arguments: object) -> list[Notification]:
        people.append(arguments["people"])
        if len(people) == 2:
            raise RuntimeError("the worker died")
        return []

    later = start + timedelta(days=ContextItem.objects.first().review_interval_days)
    with monkeypatch.context() as patched:
        patched.setattr("governance.reminders.notify", fail_at_the_second)
        with pytest.raises(RuntimeError):
            remind(now=later)
    assert Reminder.objects.count() == 1

    assert remind(now=later) == 1
    assert Reminder.objects.count() == 2


def test_remind__ten_at_once__tell_once(cast: Cast, committed_db: None) -> None:
    start = timezone.now()
    publish(cast, creation("legal/a", owner="outsider", review_interval_days=30), now=start)
    submit(cast, creation("legal/b"), now=start)

    outcomes = together(10, lambda _: remind(now=start + timedelta(days=60)))

    assert outcomes == {"done": 10}
    for kind in ("verification_due", "verification_escalated", "review_due", "review_escalated"):
        assert Notification.objects.filter(kind=kind).count() == 1, kind


def test_database__reminder__stays_as_it_was(cast: Cast) -> None:
    start = timezone.now()
    submit(cast, creation("legal/b"), now=start)
    remind(now=start + timedelta(days=9))

    for statement in ("UPDATE governance_reminder SET step = 'soon'", "DELETE FROM governance_reminder"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_remind__leaves_the_ledger_alone(cast: Cast) -> None:
    start = timezone.now()
    submit(cast, creation("legal/b"), now=start)
    before = AuditEvent.objects.count()

    remind(now=start + timedelta(days=9))

    assert AuditEvent.objects.count() == before
    assert verify_chain().holds


def test_tasks__are_in_the_schedule_and_run(cast: Cast, settings: object) -> None:
    submit(cast, creation("legal/b"), now=timezone.now() - timedelta(days=9))

    assert remind_of_deadlines() == 2
    assert deliver_notifications() > 0
    assert look_for_departed_owners() == 0
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert {task.name for task in (remind_of_deadlines, deliver_notifications, look_for_departed_owners)} <= scheduled
