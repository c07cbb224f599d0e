"""The inbox: what waits for me, in order, at a cost that does not grow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from context.access import SYSTEM, Principal, principal_for
from context.models import ContextItem, Domain, RoleGrant
from governance.changes import create_change, submit_change
from governance.delegations import delegate
from governance.drift.findings import Sighting, open_finding
from governance.emergencies import publish_in_emergency, ratify
from governance.inbox import InboxEntry, inbox_for, overdue_items, waiting_for
from governance.models import ApprovalPolicy, ApprovalStage, Change, Severity
from governance.publishing import publish_change, publish_due_changes
from governance.reviews import review_change
from tests.cast import Cast, approve, creation, propose, publish, revision, submit


def kinds(entries: list[InboxEntry]) -> list[tuple[str, str]]:
    return [(entry.kind, entry.subject) for entry in entries]


def inbox(person: Any, now: datetime | None = None) -> list[InboxEntry]:
    return inbox_for(principal=principal_for(person), now=now or timezone.now())


def test_inbox__change_in_review__is_with_who_may_decide_and_nobody_else(cast: Cast) -> None:
    now = timezone.now()
    change = submit(cast, creation("legal/liability"), now=now)

    [entry] = inbox(cast.reviewer)

    assert (entry.kind, entry.subject, entry.url) == ("review", f"change:{change.pk}", f"/changes/{change.pk}/")
    assert entry.due_at == now + timedelta(days=5)
    assert inbox(cast.author) == inbox(cast.outsider) == inbox(cast.owner) == []


def test_inbox__second_stage__comes_when_the_first_is_complete_and_is_due_from_then(cast: Cast) -> None:
    policy = ApprovalPolicy.objects.create(name="Two steps", domain=cast.legal)
    ApprovalStage.objects.create(policy=policy, order=1, name="Read", approvers="role", role="approver")
    ApprovalStage.objects.create(policy=policy, order=2, name="Own", approvers="domain_owner", due_in_days=3)
    now = timezone.now()
    change = submit(cast, creation("legal/liability"), now=now - timedelta(days=4))
    assert inbox(cast.owner) == []

    review_change(actor=cast.reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=now)

    [entry] = inbox(cast.owner)
    assert (entry.kind, entry.due_at) == ("review", now + timedelta(days=3))
    assert inbox(cast.reviewer) == []


def test_inbox__decision_that_is_late__escalates_to_the_domain_owner(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability"), now=timezone.now() - timedelta(days=6))

    assert kinds(inbox(cast.owner)) == [("escalation", f"change:{change.pk}")]
    assert kinds(inbox(cast.reviewer)) == [("review", f"change:{change.pk}")]


def test_inbox__delegate__has_what_waits_for_the_absent(cast: Cast) -> None:
    now = timezone.now()
    delegate(
        actor=cast.reviewer,
        to_person=cast.outsider,
        from_at=now - timedelta(hours=1),
        until_at=now + timedelta(days=3),
        reason="On leave",
        now=now,
    )
    submit(cast, creation("legal/liability"))

    [entry] = inbox(cast.outsider)

    assert "in the place of Rui Reviewer" in entry.why
    assert [each.on_behalf_of for each in waiting_for(principal_for(cast.outsider))] == ["Rui Reviewer"]


def test_inbox__overdue_text__is_with_the_owner_and_after_the_grace_with_the_domain_owner(cast: Cast) -> None:
    now = timezone.now()
    publish(cast, creation("legal/liability", owner="outsider", review_interval_days=30), now=now - timedelta(days=31))

    assert kinds(inbox(cast.outsider, now)) == [("verification", "item:legal/liability")]
    assert inbox(cast.owner, now) == []
    later = now + timedelta(days=14)
    assert kinds(inbox(cast.outsider, later)) == [("verification", "item:legal/liability")]
    assert kinds(inbox(cast.owner, later)) == [("escalation", "item:legal/liability")]
    assert [item.key for item in overdue_items(principal_for(cast.outsider), now=now)] == ["legal/liability"]


def test_inbox__text_of_somebody_who_left__is_with_the_domain_owner_as_theirs(cast: Cast) -> None:
    now = timezone.now()
    publish(cast, creation("legal/liability", owner="outsider", review_interval_days=30), now=now - timedelta(days=60))
    cast.outsider.is_active = False
    cast.outsider.save()

    assert kinds(inbox(cast.owner, now)) == [("verification", "item:legal/liability")]


def test_inbox__due_soon__is_there_before_it_is_overdue(cast: Cast) -> None:
    now = timezone.now()
    publish(cast, creation("legal/soon", owner="outsider", review_interval_days=30), now=now - timedelta(days=25))
    publish(cast, creation("legal/later", owner="outsider", review_interval_days=30), now=now - timedelta(days=10))

    [entry] = inbox(cast.outsider, now)

    assert (entry.subject, entry.debt, entry.is_overdue(now)) == ("item:legal/soon", 0.0, False)


def test_inbox__text_that_may_not_be_read__is_not_there(cast: Cast) -> None:
    now = timezone.now()
    publish(cast, creation("legal/liability", sensitivity="confidential", owner="outsider"), now=now - timedelta(900))

    assert inbox(cast.outsider, now) == []
    assert kinds(inbox(cast.owner, now)) == [("escalation", "item:legal/liability")]


def test_inbox__own_changes__say_what_became_of_them(cast: Cast) -> None:
    now = timezone.now()
    draft = propose(cast, creation("legal/draft"))
    sent_back, rejected = submit(cast, creation("legal/back")), submit(cast, creation("legal/rejected"))
    for change, decision in ((sent_back, "request_changes"), (rejected, "reject")):
        review_change(
            actor=cast.reviewer,
            change_id=change.pk,
            decision=decision,
            digest=change.digest,
            comment="Too vague",
            now=now,
        )
    approved = approve(cast, creation("legal/approved"))
    suspended = _suspended(cast, now)

    entries = {entry.subject: entry for entry in inbox(cast.author, now + timedelta(minutes=10))}

    expected = {
        draft: "draft",
        sent_back: "changes_requested",
        rejected: "rejected",
        approved: "approved",
        suspended: "suspended",
    }
    assert {subject: entry.kind for subject, entry in entries.items()} == {
        f"change:{change.pk}": kind for change, kind in expected.items()
    }
    assert entries[f"change:{sent_back.pk}"].why == "Rui Reviewer: Too vague"
    assert "version" in entries[f"change:{suspended.pk}"].why
    assert inbox(cast.outsider) == []


def _suspended(cast: Cast, now: datetime) -> Change:
    """A change scheduled on a base that has moved on since."""
    publish(cast, creation("legal/moving", body="one"))
    change = approve(cast, revision("legal/moving", body="two"))
    publish_change(actor=cast.author, change_id=change.pk, now=now, at=now + timedelta(minutes=5))
    publish(cast, revision("legal/moving", body="three"))
    publish_due_changes(now=now + timedelta(minutes=6))
    change.refresh_from_db()
    assert change.suspended_because
    return change


def test_inbox__findings__mine_nobodys_and_those_that_are_late(cast: Cast) -> None:
    now = timezone.now()
    mine, orphan = publish(cast, creation("legal/a-mine", owner="outsider"), creation("legal/b-orphan"), now=now)
    first = open_finding(seen=_seen(mine), now=now)
    second = open_finding(seen=_seen(orphan), now=now)

    assert kinds(inbox(cast.outsider, now)) == [("finding", f"finding:{first.pk}")]
    assert kinds(inbox(cast.owner, now)) == [("finding", f"finding:{second.pk}")]
    late = now + timedelta(days=8)
    assert ("escalation", f"finding:{first.pk}") in kinds(inbox(cast.owner, late))
    assert inbox(cast.reviewer, late) == []


def test_inbox__emergency_publication__waits_for_two_who_had_no_part_in_it(cast: Cast) -> None:
    now = timezone.now()
    RoleGrant.objects.create(user=cast.admin, role="approver")
    RoleGrant.objects.create(user=cast.auditor, role="approver")
    change = submit(cast, creation("legal/liability"))
    publish_in_emergency(actor=cast.owner, change_id=change.pk, reason="The regulator demands it today", now=now)

    assert kinds(inbox(cast.reviewer)) == [("ratification", f"change:{change.pk}")]
    assert inbox(cast.owner) == inbox(cast.author) == inbox(cast.outsider) == []
    for person in (cast.reviewer, cast.admin):
        assert len(inbox(cast.auditor)) == 1
        ratify(actor=person, change_id=change.pk, verdict="ratify", now=now)
        assert inbox(person) == []
    assert inbox(cast.auditor) == []


def _seen(item: ContextItem) -> Sighting:
    return Sighting(
        detector="stale", summary="Old", cause={"item": item.pk}, evidence={"x": 1}, severity=Severity.HIGH, item=item
    )


def test_inbox__order__is_by_day_then_debt_and_what_has_no_date_is_last(cast: Cast) -> None:
    now = timezone.now().replace(hour=12)
    day = now - timedelta(days=40)
    publish(cast, creation("legal/a-public", owner="owner", sensitivity="public", review_interval_days=30), now=day)
    publish(
        cast,
        creation("legal/b-confidential", owner="owner", sensitivity="confidential", review_interval_days=30),
        now=day + timedelta(minutes=30),
    )
    publish(cast, creation("legal/c-older", owner="owner", review_interval_days=30), now=day - timedelta(days=2))
    create_change(actor=cast.owner, title="A draft", reason="Because", edits=[], now=now)

    assert [entry.subject.partition(":")[2] for entry in inbox(cast.owner, now)][:3] == [
        "legal/c-older",
        "legal/b-confidential",
        "legal/a-public",
    ]
    assert inbox(cast.owner, now)[-1].kind == "draft"


def extra(*, principal: Principal, now: datetime) -> list[InboxEntry]:
    """What an upper floor adds in the next test."""
    return [
        InboxEntry(
            kind="run", title="A run", why=principal.label, due_at=now, url="/runs/1/", debt=1.0, subject="run:1"
        )
    ]


def test_inbox__upper_floors__add_through_the_setting(cast: Cast, settings: LazySettings) -> None:
    settings.INBOX_SOURCES = {"runs": "tests.governance.test_inbox.extra"}

    assert kinds(inbox(cast.outsider)) == [("run", "run:1")]
    assert inbox_for(principal=SYSTEM, now=timezone.now()) == []


@pytest.mark.slow
def test_inbox__two_hundred_changes_and_a_thousand_texts__cost_as_many_queries_as_a_few(cast: Cast) -> None:
    RoleGrant.objects.create(user=cast.owner, role="approver", domain=cast.legal)
    below = Domain.objects.create(slug="claims", name="Claims", parent=cast.legal)
    RoleGrant.objects.create(user=cast.author, role="author", domain=below)
    now = timezone.now()

    def add(changes: int, items: int, name: str) -> int:
        for number in range(changes):
            domain = ("legal", "claims", "sales")[number % 3]
            change = create_change(
                actor=cast.author,
                title=f"{name} {number}",
                reason="Because",
                edits=[creation(f"{domain}/{name}-change-{number}")],
                now=now,
            )
            submit_change(actor=cast.author, change_id=change.pk, now=now)
        made = [creation(f"legal/{name}-text-{number}", owner="owner") for number in range(items)]
        publish(cast, *made, now=now - timedelta(days=600))
        for number in range(min(items, 20)):
            item = ContextItem.objects.get(key=f"legal/{name}-text-{number}")
            open_finding(seen=_seen(item), now=now)
        with CaptureQueriesContext(connection) as queries:
            entries = inbox(cast.owner, now)
        assert len(entries) >= changes // 3 + items
        return len(queries)

    few = add(3, 5, "few")
    many = add(197, 995, "many")

    assert many == few
    assert many <= 22
    assert len([entry for entry in inbox(cast.owner, now) if entry.kind == "verification"]) == 1_000
