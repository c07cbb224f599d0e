"""Reminds of deadlines: before they come, on the day, and above once they have passed; must not decide anything.

Everything is computed from the tables each time. What was sent is recorded with the notification, in one transaction
for each person, so that nobody is reminded twice and a crash loses nothing: calling this too often does no harm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db import connection, transaction

from context.access import SYSTEM
from context.models import ContextItem, User
from context.ownership import Answering, effective_owner_id, read_answering
from governance.audit import ledger
from governance.deadlines import Judged, StageDeadline, changes_in_review, escalates_to
from governance.debt import due_at_of, due_by
from governance.models import Decision, Finding, NotificationKind, Reminder, ReminderStep
from governance.notices import approvers_of, who_may_read
from governance.notifying import notify

NAMED_AT_MOST = 3
FINDING_REMIND_DAYS = 1

_INSERT = """
INSERT INTO governance_reminder (person_id, subject_type, subject_id, due_at, step, reminded_at)
SELECT %(person)s, given.* , %(now)s
FROM unnest(%(types)s::text[], %(ids)s::text[], %(dues)s::timestamptz[], %(steps)s::text[]) AS given
ON CONFLICT DO NOTHING
RETURNING subject_type, subject_id, due_at, step
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """One deadline that one person is to be reminded of. `text` says it alone; `title` names it among others."""

    person_id: int
    kind: NotificationKind
    subject_type: str
    subject_id: str
    due_at: datetime
    step: ReminderStep
    sensitivity: int
    title: str
    text: str
    url: str

    @property
    def place(self) -> tuple[str, str, datetime, str]:
        return (self.subject_type, self.subject_id, self.due_at, self.step.value)


def remind(*, now: datetime) -> int:
    """Remind of everything that is due and was not reminded of. Returns how many deadlines somebody was told of."""
    answering = read_answering()
    dues: dict[int, list[Due]] = defaultdict(list)
    for due in [*_stages(answering, now), *_texts(answering, now), *_findings(answering, now)]:
        dues[due.person_id].append(due)
    clearances = dict(User.objects.filter(pk__in=dues, is_active=True).values_list("pk", "clearance"))
    return sum(
        _tell(person_id, [due for due in theirs if due.sensitivity <= clearances[person_id]], now)
        for person_id, theirs in sorted(dues.items())
        if person_id in clearances
    )


def step_at(*, due_at: datetime, remind_days: int, now: datetime) -> ReminderStep | None:
    """The step that a deadline has reached for those who must meet it: soon, then due from that day on (UTC)."""
    if now >= datetime.combine(due_at.astimezone(UTC).date(), time(), tzinfo=UTC):
        return ReminderStep.DUE
    return ReminderStep.SOON if now >= due_at - timedelta(days=remind_days) else None


def _stages(answering: Answering, now: datetime) -> Iterator[Due]:
    reached: list[tuple[Judged, StageDeadline, ReminderStep]] = []
    for judged in changes_in_review(SYSTEM):
        for deadline in judged.deadlines:
            step = step_at(due_at=deadline.due_at, remind_days=settings.REVIEW_REMIND_DAYS, now=now)
            if step is not None:
                reached.append((judged, deadline, step))
    due_at = {deadline.due_at for _, deadline, _ in reached}
    sent = Reminder.objects.filter(subject_type="stage", due_at__in=due_at)
    reminded = set(sent.values_list("subject_id", "due_at", "step", "person_id"))
    asked: dict[str, set[int]] = {}
    for judged, deadline, step in reached:
        change, stage = judged.change, deadline.stage
        subject_id = f"{change.pk}/{stage.token}"
        if stage.token not in asked:
            asked[stage.token] = approvers_of([stage])
        heard = _heard(judged)
        missing = {
            person
            for person in asked[stage.token] - judged.editor_ids - heard
            if (subject_id, deadline.due_at, step.value, person) not in reminded
        }
        when = "was" if deadline.due_at <= now else "is"
        for person in who_may_read(change, missing) if missing else ():
            yield Due(
                person_id=person,
                kind=NotificationKind.REVIEW_DUE,
                subject_type="stage",
                subject_id=subject_id,
                due_at=deadline.due_at,
                step=step,
                sensitivity=judged.sensitivity,
                title=change.title,
                text=f"Your decision on “{change.title}” {when} due on {deadline.due_at:%d %B %Y}.",
                url=f"/changes/{change.pk}/",
            )
        above = escalates_to(judged, deadline, answering) if deadline.due_at <= now else None
        if above is not None and (subject_id, deadline.due_at, ReminderStep.ESCALATED.value, above) not in reminded:
            for person in who_may_read(change, {above}):
                yield Due(
                    person_id=person,
                    kind=NotificationKind.REVIEW_ESCALATED,
                    subject_type="stage",
                    subject_id=subject_id,
                    due_at=deadline.due_at,
                    step=ReminderStep.ESCALATED,
                    sensitivity=judged.sensitivity,
                    title=change.title,
                    text=f"Nobody decided on “{change.title}” by {deadline.due_at:%d %B %Y}: {stage.who}.",
                    url=f"/changes/{change.pk}/",
                )


def _heard(judged: Judged) -> set[int]:
    """Who has approved the text as it stands, and those in whose place somebody did."""
    standing = [
        review
        for review in judged.change.reviews.all()
        if review.decision == Decision.APPROVE and review.digest == judged.change.digest
    ]
    found = {review.reviewer_id for review in standing}
    return found | {review.on_behalf_of_id for review in standing if review.on_behalf_of_id is not None}


def _texts(answering: Answering, now: datetime) -> Iterator[Due]:
    ahead = timedelta(days=settings.VERIFICATION_REMIND_DAYS)
    grace = timedelta(days=settings.VERIFICATION_GRACE_DAYS)
    items = due_by(ContextItem.objects.visible_to(SYSTEM), now + ahead)
    for item in items.select_related("owner").only(
        "key", "title", "sensitivity", "domain_id", "owner", "verified_until", "created_at", "owner__is_active"
    ):
        due_at = due_at_of(item)
        answers = effective_owner_id(item, answering)
        step = step_at(due_at=due_at, remind_days=ahead.days, now=now)
        if answers is not None and step is not None:
            when = "was" if due_at <= now else "is"
            text = f"“{item.title}” {when} to be verified by {due_at:%d %B %Y}."
            yield _about(item, answers, NotificationKind.VERIFICATION_DUE, due_at, step, text)
        above = answering.above(item.domain_id, answers) if due_at + grace <= now else None
        if above is not None:
            text = f"“{item.title}” was to be verified by {due_at:%d %B %Y} and was not."
            yield _about(item, above, NotificationKind.VERIFICATION_ESCALATED, due_at, ReminderStep.ESCALATED, text)


def _about(
    item: ContextItem, person: int, kind: NotificationKind, due_at: datetime, step: ReminderStep, text: str
) -> Due:
    return Due(
        person_id=person,
        kind=kind,
        subject_type="item",
        subject_id=item.key,
        due_at=due_at,
        step=step,
        sensitivity=item.sensitivity,
        title=item.title,
        text=text,
        url=f"/items/{item.key}/",
    )


def _findings(answering: Answering, now: datetime) -> Iterator[Due]:
    near = now + timedelta(days=FINDING_REMIND_DAYS)
    for finding in Finding.objects.awaiting(now).filter(due_at__lte=near).select_related("owner"):
        if finding.due_at is None:
            continue
        active = finding.owner is not None and finding.owner.is_active
        owner = finding.owner_id if active else answering.for_domain(finding.domain_id)
        steps: list[tuple[int | None, NotificationKind, ReminderStep | None]] = [
            (
                owner,
                NotificationKind.FINDING_DUE,
                step_at(due_at=finding.due_at, remind_days=FINDING_REMIND_DAYS, now=now),
            )
        ]
        if finding.due_at <= now:
            above = answering.above(finding.domain_id, owner)
            steps.append((above, NotificationKind.FINDING_ESCALATED, ReminderStep.ESCALATED))
        for person, kind, step in steps:
            if person is not None and step is not None:
                yield Due(
                    person_id=person,
                    kind=kind,
                    subject_type="finding",
                    subject_id=str(finding.pk),
                    due_at=finding.due_at,
                    step=step,
                    sensitivity=finding.sensitivity,
                    title=finding.subject_label,
                    text=f"Due on {finding.due_at:%d %B %Y}: {finding.summary}",
                    url=f"/findings/{finding.pk}/",
                )


def _tell(person_id: int, dues: Sequence[Due], now: datetime) -> int:
    """Record and notify in one transaction; deadlines of one kind become one notice."""
    if not dues:
        return 0
    with transaction.atomic():
        fresh = _record(person_id, dues, now)
        by_kind: dict[NotificationKind, list[Due]] = defaultdict(list)
        for due in sorted(dues, key=lambda each: (each.due_at, each.title)):
            if due.place in fresh:
                by_kind[due.kind].append(due)
        for kind, together in by_kind.items():
            text, url = _words(kind, together)
            notify(
                people=[person_id],
                kind=kind,
                subject=ledger.Subject(
                    type=together[0].subject_type if len(together) == 1 else "inbox",
                    id=together[0].subject_id if len(together) == 1 else str(person_id),
                    label=text,
                    sensitivity=max(due.sensitivity for due in together),
                ),
                text=text,
                url=url,
                now=now,
            )
    return len(fresh)


def _record(person_id: int, dues: Iterable[Due], now: datetime) -> set[tuple[str, str, datetime, str]]:
    """The reminders that are new, recorded by this very statement: another run at the same time gets the others."""
    places = sorted({due.place for due in dues})
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            {
                "person": person_id,
                "now": now,
                "types": [place[0] for place in places],
                "ids": [place[1] for place in places],
                "dues": [place[2] for place in places],
                "steps": [place[3] for place in places],
            },
        )
        return {
            (subject_type, subject_id, due_at, step) for subject_type, subject_id, due_at, step in cursor.fetchall()
        }


def _words(kind: NotificationKind, together: Sequence[Due]) -> tuple[str, str]:
    if len(together) == 1:
        return together[0].text, together[0].url
    titles = ", ".join(f"“{due.title}”" for due in together[:NAMED_AT_MOST])
    more = f" and {len(together) - NAMED_AT_MOST} more" if len(together) > NAMED_AT_MOST else ""
    return f"{kind.label} ({len(together)}): {titles}{more}.", "/inbox/"
