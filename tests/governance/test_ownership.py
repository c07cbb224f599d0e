"""Who answers for a text when its owner is there, when they left, and what a departure leaves behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from context.access import SYSTEM, principal_for
from context.availability import _ANSWERING
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted, PreconditionFailed
from context.models import ContextItem, Domain, User
from context.ownership import effective_owner_id, read_answering, with_effective_owner
from context.statements import rows
from governance.assignment import propose_owner
from governance.audit.verification import verify_chain
from governance.drift.findings import (
    Sighting,
    acknowledge_finding,
    assign_finding,
    dismiss_finding,
    except_finding,
    finding_of,
    open_finding,
    resolve_finding,
)
from governance.edits import NothingToChange
from governance.models import ApprovalPolicy, ApprovalStage, AuditEvent, Finding, Notification, Severity
from governance.people import deactivate_person, look_for_departed_owners
from governance.publishing import publish_change
from governance.reviews import review_change
from tests.cast import Cast, creation, publish, submit


def team(cast: Cast) -> Domain:
    """Contracts, below Legal, owned by the reviewer."""
    return Domain.objects.create(slug="contracts", name="Contracts", parent=cast.legal, owner=cast.reviewer)


def leave(person: User) -> None:
    person.is_active = False
    person.save(update_fields=["is_active"])


def effective(key: str) -> int | None:
    """By the queryset, by the function and by what agents are told, which must agree."""
    answering = read_answering()
    item = with_effective_owner(ContextItem.objects.select_related("owner"), answering).get(key=key)
    assert effective_owner_id(item, answering) == item.effective_owner_id
    named = {item_id: name for item_id, _, name in rows(_ANSWERING, {"ids": [item.pk]})}
    answering_now = User.objects.filter(pk=effective_owner_id(item, answering)).first()
    assert named.get(item.pk) == (answering_now.display_name if answering_now else None)
    for person in User.objects.all():
        answers = ContextItem.objects.filter(answering.answered_by(person.pk), key=key).exists()
        assert answers == (person.pk == item.effective_owner_id)
        escalates = ContextItem.objects.filter(answering.escalated_to(person.pk), key=key).exists()
        above = answering.above(item.domain_id, effective_owner_id(item, answering))
        assert escalates == (person.pk == above)
    return effective_owner_id(item, answering)


def test_effective_owner__falls_upwards_as_people_leave(cast: Cast) -> None:
    team(cast)
    cast.author.role_grants.create(role="author")
    cast.reviewer.role_grants.create(role="approver")
    publish(cast, creation("contracts/clause", owner="author"), creation("sales/prices", owner="author"))

    assert effective("contracts/clause") == cast.author.pk
    leave(cast.author)
    assert effective("contracts/clause") == cast.reviewer.pk
    leave(cast.reviewer)
    assert effective("contracts/clause") == cast.owner.pk
    leave(cast.owner)
    assert effective("contracts/clause") is None
    # Sales has no owner at all.
    assert effective("sales/prices") is None


def test_deactivate__owner_of_many__one_finding_and_no_rewriting(cast: Cast) -> None:
    publish(cast, *[creation(f"legal/text-{number}", owner="author") for number in range(25)])
    before = list(ContextItem.objects.order_by("pk").values())

    deactivate_person(actor=cast.admin, username="author", reason="Left the company", now=timezone.now())

    assert list(ContextItem.objects.order_by("pk").values()) == before
    [finding] = Finding.objects.all()
    assert (finding.detector, finding.owner, finding.domain) == ("owner-gone", cast.owner, cast.legal)
    assert finding.evidence["texts"] == 25
    assert finding.severity == Severity.HIGH
    assert Notification.objects.filter(person=cast.owner, kind="finding_opened").count() == 1
    actions = list(AuditEvent.objects.order_by("-sequence").values_list("action", flat=True)[:2])
    assert actions == ["governance.finding.opened", "context.person.deactivated"]
    assert verify_chain().holds


def test_deactivate__by_anyone_but_an_administrator_or_of_oneself__is_refused(cast: Cast) -> None:
    with pytest.raises(NotPermitted):
        deactivate_person(actor=cast.owner, username="author", reason="Left", now=timezone.now())
    with pytest.raises(Conflict):
        deactivate_person(actor=cast.admin, username="admin", reason="Left", now=timezone.now())
    with pytest.raises(NotFound):
        deactivate_person(actor=cast.admin, username="nobody", reason="Left", now=timezone.now())
    with pytest.raises(InvalidInput):
        deactivate_person(actor=cast.admin, username="author", reason=" ", now=timezone.now())
    assert not Finding.objects.exists()


def test_daily_look__person_found_inactive__opens_once_and_closes_when_given_away(cast: Cast) -> None:
    publish(cast, creation("legal/liability", owner="outsider"))
    leave(cast.outsider)

    [finding] = look_for_departed_owners(now=timezone.now())
    assert look_for_departed_owners(now=timezone.now() + timedelta(days=1)) == [finding]
    assert AuditEvent.objects.filter(action="governance.finding.opened").count() == 1

    change = propose_owner(
        actor=cast.author, keys=["legal/liability"], owner="owner", reason="Otto left", now=timezone.now()
    )
    review_change(
        actor=cast.reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=timezone.now()
    )
    publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())
    assert look_for_departed_owners(now=timezone.now() + timedelta(days=2)) == []
    finding.refresh_from_db()
    assert finding.state == "resolved"


def test_daily_look__domain_owner_left__is_told_to_the_one_above(cast: Cast) -> None:
    team(cast)
    leave(cast.reviewer)

    [finding] = look_for_departed_owners(now=timezone.now())

    assert finding.owner == cast.owner
    assert "the domain Contracts" in finding.summary


def test_assign__many_items__is_one_change_of_metadata_to_be_approved(cast: Cast) -> None:
    publish(cast, *[creation(f"legal/text-{number}", body="As it was") for number in range(3)])
    wanted = [f"legal/text-{number}" for number in range(3)]

    change = propose_owner(actor=cast.author, keys=wanted, owner="owner", reason="She knows", now=timezone.now())

    assert (change.state, change.edits.count()) == ("in_review", 3)
    assert not ContextItem.objects.filter(owner=cast.owner).exists()
    review_change(
        actor=cast.reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=timezone.now()
    )
    publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())
    assert ContextItem.objects.filter(owner=cast.owner).count() == 3
    with pytest.raises(NothingToChange):
        propose_owner(actor=cast.author, keys=wanted, owner="owner", reason="Again", now=timezone.now())
    with pytest.raises(NotFound):
        propose_owner(actor=cast.author, keys=wanted, owner="nobody", reason="Again", now=timezone.now())


def test_stage_of_the_item_owner__who_left__admits_who_answers_now(cast: Cast) -> None:
    policy = ApprovalPolicy.objects.create(name="The owner decides", domain=cast.legal)
    ApprovalStage.objects.create(policy=policy, name="Owner", approvers="item_owner")
    leave(cast.outsider)
    change = submit(cast, creation("legal/liability", owner="outsider"))

    review = review_change(
        actor=cast.owner, change_id=change.pk, decision="approve", digest=change.digest, now=timezone.now()
    )

    change.refresh_from_db()
    assert (change.state, review.stages[0].endswith(f":{cast.outsider.pk}")) == ("approved", True)


def sighting(item: ContextItem, **evidence: object) -> Sighting:
    return Sighting(
        detector="stale", summary="It is old", cause={"item": item.pk}, evidence=evidence or {"days": 3}, item=item
    )


def test_finding__seen_again__is_the_same_and_reopens_after_it_was_resolved(cast: Cast) -> None:
    [item] = publish(cast, creation("legal/liability", owner="owner"))
    now, owner = timezone.now(), principal_for(cast.owner)
    first = open_finding(seen=sighting(item), now=now)
    assert open_finding(seen=sighting(item), now=now + timedelta(hours=1)).pk == first.pk

    acknowledge_finding(actor=owner, finding_id=first.pk, now=now)
    resolve_finding(actor=owner, finding_id=first.pk, reason="Mended", version=2, now=now)
    again = open_finding(seen=sighting(item), now=now + timedelta(days=1))

    assert (again.pk, again.state, again.times_opened, again.resolved_by_version) == (first.pk, "open", 2, None)
    actions = AuditEvent.objects.filter(action__startswith="governance.finding").order_by("sequence")
    assert [event.action.rpartition(".")[2] for event in actions] == ["opened", "acknowledged", "resolved", "reopened"]


def test_finding__dismissed__stays_quiet_until_the_evidence_changes(cast: Cast) -> None:
    [item] = publish(cast, creation("legal/liability", owner="owner"))
    now, owner = timezone.now(), principal_for(cast.owner)
    finding = open_finding(seen=sighting(item, days=3), now=now)
    dismiss_finding(actor=owner, finding_id=finding.pk, reason="We know", now=now)

    assert open_finding(seen=sighting(item, days=3), now=now).state == "dismissed"
    assert open_finding(seen=sighting(item, days=4), now=now).state == "open"


def test_finding__excepted__asks_for_nothing_until_the_date(cast: Cast) -> None:
    [item] = publish(cast, creation("legal/liability", owner="owner"))
    now, owner = timezone.now(), principal_for(cast.owner)
    finding = open_finding(seen=sighting(item), now=now)

    except_finding(
        actor=owner, finding_id=finding.pk, reason="Until the new law", until=now + timedelta(days=5), now=now
    )

    assert not Finding.objects.awaiting(now).exists()
    assert Finding.objects.awaiting(now + timedelta(days=6)).exists()
    with pytest.raises(InvalidInput):
        except_finding(actor=owner, finding_id=finding.pk, reason="x", until=now + timedelta(days=999), now=now)


def test_finding__of_a_hidden_item__does_not_exist(cast: Cast) -> None:
    cast.author.clearance = 3
    cast.author.save()
    cast.reviewer.clearance = 3
    cast.reviewer.save()
    [item] = publish(cast, creation("legal/secret", sensitivity="restricted"))
    finding = open_finding(seen=sighting(item), now=timezone.now())

    for act in (finding_of,):
        with pytest.raises(NotFound):
            act(principal=principal_for(cast.outsider), finding_id=finding.pk)
    with pytest.raises(NotFound):
        resolve_finding(actor=principal_for(cast.outsider), finding_id=finding.pk, reason="No", now=timezone.now())
    assert finding_of(principal=principal_for(cast.owner), finding_id=finding.pk) == finding


def test_finding__by_somebody_who_does_not_answer_for_it__is_refused(cast: Cast) -> None:
    [item] = publish(cast, creation("legal/liability", owner="owner"))
    finding = open_finding(seen=sighting(item), now=timezone.now())
    outsider = principal_for(cast.outsider)

    with pytest.raises(NotPermitted):
        dismiss_finding(actor=outsider, finding_id=finding.pk, reason="No", now=timezone.now())
    assign_finding(actor=principal_for(cast.owner), finding_id=finding.pk, owner=cast.outsider, now=timezone.now())
    with pytest.raises(PreconditionFailed):
        acknowledge_finding(actor=outsider, finding_id=finding.pk, now=timezone.now(), expected_row_version=1)
    dismissed = dismiss_finding(actor=outsider, finding_id=finding.pk, reason="No", now=timezone.now())
    assert dismissed.closed_by == cast.outsider
    with pytest.raises(Conflict):
        acknowledge_finding(actor=SYSTEM, finding_id=finding.pk, now=timezone.now())


def test_database__finding__keeps_what_was_found(cast: Cast) -> None:
    [item] = publish(cast, creation("legal/liability", owner="owner"))
    finding = open_finding(seen=sighting(item), now=timezone.now())

    for statement in (
        "DELETE FROM governance_finding WHERE id = %s",
        "UPDATE governance_finding SET subject_id = 'another' WHERE id = %s",
        "UPDATE governance_finding SET state = 'resolved' WHERE id = %s",
        "UPDATE governance_finding SET times_opened = 0 WHERE id = %s",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [finding.pk])
    with pytest.raises(IntegrityError), transaction.atomic():
        # A second unsettled one of the same cause.
        Finding.objects.create(
            detector="stale",
            subject_type="item",
            subject_id="x",
            subject_label="x",
            summary="x",
            evidence_digest=finding.evidence_digest,
            fingerprint=finding.fingerprint,
            opened_at=timezone.now(),
            seen_at=timezone.now(),
        )


def test_finding__about_nothing__is_refused() -> None:
    with pytest.raises(InvalidInput):
        open_finding(seen=Sighting(detector="x", summary="x", cause={}, evidence={}), now=timezone.now(), actor=SYSTEM)
