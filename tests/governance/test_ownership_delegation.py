"""A delegate decides in another's place within the dates, and the two are one voice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from context.access import principal_for
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import ContextVersion, Domain, RoleGrant, User
from governance.audit.verification import verify_chain
from governance.changes import add_editor, submit_change
from governance.delegations import delegate, end_delegation, standing_in_for
from governance.inbox import waiting_for
from governance.models import ApprovalPolicy, ApprovalStage, AuditEvent, Change, Delegation, Review
from governance.publishing import publish_change
from governance.receipts import is_genuine
from governance.reviews import may_review, review_change
from tests.cast import Cast, creation, propose, submit
from tests.governance.test_races import together


def lend(giver: User, holder: User, *, days: int = 7, domain: Domain | None = None, **more: Any) -> Delegation:
    now = timezone.now()
    return delegate(
        actor=more.pop("actor", giver),
        from_person=giver,
        to_person=holder,
        domain=domain,
        from_at=more.pop("from_at", now - timedelta(hours=1)),
        until_at=more.pop("until_at", now + timedelta(days=days)),
        reason="On leave",
        now=now,
    )


def decide(person: User, change: Change, decision: str = "approve") -> Review:
    return review_change(
        actor=person,
        change_id=change.pk,
        decision=decision,
        digest=change.digest,
        comment="Because",
        now=timezone.now(),
    )


def two_people_policy(cast: Cast) -> None:
    policy = ApprovalPolicy.objects.create(name="Two pairs of eyes", domain=cast.legal)
    ApprovalStage.objects.create(policy=policy, name="Approval", approvers="role", role="approver", people_required=2)


def test_delegate__within_the_dates__approves_and_the_record_says_for_whom(cast: Cast) -> None:
    lend(cast.reviewer, cast.outsider)
    change = submit(cast, creation("legal/liability"))

    review = decide(cast.outsider, change)
    publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())

    assert (review.reviewer, review.on_behalf_of, review.on_behalf_of_label) == (
        cast.outsider,
        cast.reviewer,
        "Rui Reviewer",
    )
    assert review.receipt["on_behalf_of"] == "Rui Reviewer"
    assert is_genuine(review.receipt, review.signature)
    event = AuditEvent.objects.get(action="governance.change.review_approved")
    assert event.data["on_behalf_of"] == "Rui Reviewer"
    [approval] = ContextVersion.objects.get().approvals
    assert (approval["person"], approval["on_behalf_of"]) == ("Otto Outsider", "Rui Reviewer")
    assert AuditEvent.objects.filter(action="governance.delegation.given").count() == 1
    assert verify_chain().holds


@pytest.mark.parametrize(
    "dates",
    [
        {"from_at": timedelta(hours=1), "until_at": timedelta(days=2)},
        {"from_at": timedelta(days=-3), "until_at": timedelta(seconds=1)},
    ],
    ids=["not yet", "over"],
)
def test_delegate__outside_the_dates__may_not(cast: Cast, dates: dict[str, timedelta]) -> None:
    now = timezone.now()
    if dates["until_at"] < timedelta(minutes=1):
        # Made while it held; rows are never edited, so it is written as one that has just ended.
        Delegation.objects.create(
            from_person=cast.reviewer,
            to_person=cast.outsider,
            from_at=now - timedelta(days=3),
            until_at=now - timedelta(seconds=1),
            reason="On leave",
            created_by=cast.reviewer,
            created_at=now - timedelta(days=3),
        )
    else:
        lend(cast.reviewer, cast.outsider, from_at=now + dates["from_at"], until_at=now + dates["until_at"])
    change = submit(cast, creation("legal/liability"))

    with pytest.raises(NotPermitted, match="not among its approvers"):
        decide(cast.outsider, change)


def test_delegate__once_it_is_ended__may_not(cast: Cast) -> None:
    made = lend(cast.reviewer, cast.outsider)
    change = submit(cast, creation("legal/liability"))
    assert may_review(change, principal_for(cast.outsider)).allowed

    end_delegation(actor=cast.outsider, delegation_id=made.pk, now=timezone.now())

    assert not may_review(change, principal_for(cast.outsider)).allowed
    with pytest.raises(Conflict):
        end_delegation(actor=cast.reviewer, delegation_id=made.pk, now=timezone.now())


def test_delegate__delegator_left__may_not(cast: Cast) -> None:
    lend(cast.reviewer, cast.outsider)
    change = submit(cast, creation("legal/liability"))
    cast.reviewer.is_active = False
    cast.reviewer.save()

    assert standing_in_for(cast.outsider.pk) == []
    assert not may_review(change, principal_for(cast.outsider)).allowed


def test_delegate__of_another_domain__may_not(cast: Cast) -> None:
    lend(cast.reviewer, cast.outsider, domain=cast.sales)
    legal, sales = submit(cast, creation("legal/liability")), submit(cast, creation("sales/prices"))

    assert not may_review(legal, principal_for(cast.outsider)).allowed
    assert decide(cast.outsider, sales).on_behalf_of == cast.reviewer


def test_delegate__of_the_author__may_not_approve_for_them(cast: Cast) -> None:
    RoleGrant.objects.create(user=cast.author, role="approver")
    lend(cast.author, cast.outsider)
    change = submit(cast, creation("legal/liability"))

    with pytest.raises(NotPermitted, match="Ada Author, in whose place you decide, edited this change"):
        decide(cast.outsider, change)


def test_delegate__who_edited_the_change__may_not(cast: Cast) -> None:
    lend(cast.reviewer, cast.outsider)
    change = propose(cast, creation("legal/liability"))
    add_editor(actor=cast.author, change_id=change.pk, editor=cast.outsider, now=timezone.now())
    change = submit_change(actor=cast.author, change_id=change.pk, now=timezone.now())

    with pytest.raises(NotPermitted, match="You edited this change"):
        decide(cast.outsider, change)


def test_delegate__of_somebody_who_cannot_read_it__may_not(cast: Cast) -> None:
    cast.reviewer.clearance = 0
    cast.reviewer.save()
    lend(cast.reviewer, cast.auditor)
    change = submit(cast, creation("legal/liability", sensitivity="internal"))

    assert not may_review(change, principal_for(cast.auditor)).allowed
    assert waiting_for(principal_for(cast.auditor)) == []


def test_delegation__of_a_delegation__is_not_followed(cast: Cast) -> None:
    lend(cast.reviewer, cast.outsider)
    lend(cast.outsider, cast.auditor)
    change = submit(cast, creation("legal/liability"))

    assert not may_review(change, principal_for(cast.auditor)).allowed
    assert may_review(change, principal_for(cast.outsider)).allowed


def test_two_people__delegator_and_delegate__are_one_voice_in_either_order(cast: Cast) -> None:
    two_people_policy(cast)
    lend(cast.reviewer, cast.outsider)
    first, second = submit(cast, creation("legal/liability")), submit(cast, creation("legal/prices"))

    decide(cast.outsider, first)
    with pytest.raises(NotPermitted, match="Otto Outsider has approved this text in your place"):
        decide(cast.reviewer, first)
    decide(cast.reviewer, second)
    with pytest.raises(NotPermitted, match="Rui Reviewer is heard already"):
        decide(cast.outsider, second)

    for change in (first, second):
        change.refresh_from_db()
        assert change.state == "in_review"


def test_two_people__two_delegates_of_one_person__are_one_voice(cast: Cast) -> None:
    two_people_policy(cast)
    lend(cast.reviewer, cast.outsider)
    lend(cast.reviewer, cast.auditor)
    change = submit(cast, creation("legal/liability"))

    decide(cast.outsider, change)

    with pytest.raises(NotPermitted, match="heard already"):
        decide(cast.auditor, change)


def test_two_people__delegator_and_delegates_at_once__are_heard_once(cast: Cast, committed_db: None) -> None:
    two_people_policy(cast)
    lend(cast.reviewer, cast.outsider)
    lend(cast.reviewer, cast.auditor)
    change = submit(cast, creation("legal/liability"))
    people = (cast.reviewer, cast.outsider, cast.auditor)

    outcomes = together(12, lambda number: decide(people[number % 3], change))

    assert outcomes["done"] == 1
    assert outcomes["done"] + outcomes["not-permitted"] + outcomes["conflict"] == 12
    assert Review.objects.count() == 1


def test_two_people__delegate_with_a_right_of_their_own__is_a_second_voice(cast: Cast) -> None:
    two_people_policy(cast)
    RoleGrant.objects.create(user=cast.outsider, role="approver", domain=cast.legal)
    lend(cast.reviewer, cast.outsider)
    change = submit(cast, creation("legal/liability"))

    decide(cast.reviewer, change)
    review = decide(cast.outsider, change)

    change.refresh_from_db()
    assert (review.on_behalf_of, change.state) == (None, "approved")


def test_database__review_for_somebody_without_a_delegation__is_refused(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability"))

    with pytest.raises(IntegrityError, match="no delegation"), transaction.atomic():
        _write_review(change, cast.outsider, cast.reviewer)


def test_database__review_for_the_author__is_refused(cast: Cast) -> None:
    lend(cast.author, cast.outsider)
    change = submit(cast, creation("legal/liability"))

    with pytest.raises(IntegrityError, match="edited the change"), transaction.atomic():
        _write_review(change, cast.outsider, cast.author)


def test_database__second_voice_of_one_person__is_refused(cast: Cast) -> None:
    two_people_policy(cast)
    lend(cast.reviewer, cast.outsider)
    change = submit(cast, creation("legal/liability"))
    decide(cast.reviewer, change)

    with pytest.raises(IntegrityError, match="one voice"), transaction.atomic():
        _write_review(change, cast.outsider, cast.reviewer)
    # Nor under another date: the database's clock judges.
    with pytest.raises(IntegrityError, match="no delegation"), transaction.atomic():
        _write_review(change, cast.auditor, cast.owner, timezone.now() - timedelta(days=1))


def test_database__delegation__may_be_ended_and_nothing_else(cast: Cast) -> None:
    made = lend(cast.reviewer, cast.outsider)

    for statement in (
        "UPDATE governance_delegation SET until_at = until_at + interval '1 day' WHERE id = %s",
        "UPDATE governance_delegation SET to_person_id = from_person_id WHERE id = %s",
        "DELETE FROM governance_delegation WHERE id = %s",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [made.pk])


def test_delegation__by_somebody_else__is_refused(cast: Cast) -> None:
    with pytest.raises(NotPermitted):
        lend(cast.reviewer, cast.outsider, actor=cast.outsider)
    with pytest.raises(NotPermitted):
        lend(cast.reviewer, cast.admin, actor=cast.admin)
    assert lend(cast.reviewer, cast.outsider, actor=cast.admin).created_by == cast.admin


def test_delegation__absurd__says_what_is_wrong(cast: Cast) -> None:
    now = timezone.now()
    with pytest.raises(InvalidInput):
        lend(cast.reviewer, cast.reviewer)
    with pytest.raises(InvalidInput):
        lend(cast.reviewer, cast.outsider, from_at=now - timedelta(days=3), until_at=now - timedelta(days=1))
    with pytest.raises(InvalidInput):
        lend(cast.reviewer, cast.outsider, days=500)
    with pytest.raises(NotFound):
        end_delegation(actor=cast.outsider, delegation_id=999_999, now=now)
    assert standing_in_for(cast.outsider.pk) == []


def _write_review(change: Change, reviewer: User, behalf: User, at: datetime | None = None) -> None:
    Review.objects.create(
        change=change,
        reviewer=reviewer,
        reviewer_label=reviewer.display_name,
        on_behalf_of=behalf,
        on_behalf_of_label=behalf.display_name,
        decision="approve",
        digest=change.digest,
        stages=[],
        created_at=at or timezone.now(),
    )
