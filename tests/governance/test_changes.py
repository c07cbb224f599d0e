"""Changes from draft to publication, by the rules."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from context.access import principal_for
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted, PreconditionFailed
from context.kinds import SchemaViolation
from context.models import ContextItem, ContextVersion, Relation, RoleGrant
from governance.changes import (
    create_change,
    describe_change,
    put_edit,
    remove_edit,
    reopen_change,
    submit_change,
    withdraw_change,
)
from governance.edits import EditInput, NothingToChange, StaleBase
from governance.models import ApprovalPolicy, ApprovalStage, AuditEvent, Change, Review
from governance.publishing import ApprovalIncomplete, publish_change, publish_due_changes, revert_change
from governance.references import UnknownReference
from governance.reviews import ApprovalVoid, may_review, review_change
from tests.cast import Cast, approve, creation, propose, publish, revision, submit


def test_publish__approved_creation__item_is_in_force_with_its_provenance(cast: Cast) -> None:
    [item] = publish(cast, creation("legal/liability", body="We accept liability up to 1 million EUR."))

    version = ContextVersion.objects.in_force(timezone.now()).get(item=item)
    assert (version.number, version.body) == (1, "We accept liability up to 1 million EUR.")
    assert version.author_label == "Ada Author"
    assert [approval["person"] for approval in version.approvals] == ["Rui Reviewer"]
    assert item.current_version == version
    assert item.verified_until is not None


def test_publish__revision__supersedes_and_keeps_the_version_before(cast: Cast) -> None:
    publish(cast, creation("legal/liability", body="one"))
    [item] = publish(cast, revision("legal/liability", body="two"))

    first, second = item.versions.order_by("number")
    assert (first.body, second.body) == ("one", "two")
    assert first.superseded_at == second.valid_from == second.published_at
    assert list(item.passages.values_list("version__number", flat=True)) == [2]


def test_review__by_the_author__is_refused_and_leaves_a_trace(cast: Cast) -> None:
    RoleGrant.objects.create(user=cast.author, role="approver")
    change = submit(cast, creation("legal/liability"))

    with pytest.raises(NotPermitted, match="You wrote this change"):
        review_change(
            actor=cast.author, change_id=change.pk, decision="approve", digest=change.digest, now=timezone.now()
        )

    assert not Review.objects.exists()
    assert AuditEvent.objects.filter(action="governance.review.denied", actor_id=cast.author.pk).count() == 1


def test_review__by_a_superuser_who_edited_it__is_refused(cast: Cast) -> None:
    RoleGrant.objects.create(user=cast.admin, role="approver")
    change = propose(cast, creation("legal/liability"))
    withdraw_change(actor=cast.author, change_id=change.pk, now=timezone.now())
    put_edit(actor=cast.admin, change_id=change.pk, edit=creation("legal/liability", body="mine"), now=timezone.now())
    change = submit_change(actor=cast.author, change_id=change.pk, now=timezone.now())

    with pytest.raises(NotPermitted, match="You edited this change"):
        review_change(
            actor=cast.admin, change_id=change.pk, decision="approve", digest=change.digest, now=timezone.now()
        )


def test_review__by_somebody_without_the_role__names_who_may(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability"))

    with pytest.raises(NotPermitted, match="anyone with the role of approver in Legal"):
        review_change(
            actor=cast.outsider, change_id=change.pk, decision="approve", digest=change.digest, now=timezone.now()
        )


def test_review__of_another_digest__is_void(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability"))

    with pytest.raises(ApprovalVoid):
        review_change(actor=cast.reviewer, change_id=change.pk, decision="approve", digest="0" * 64, now=timezone.now())


def test_publish__draft_changed_after_approval__approval_is_void(cast: Cast) -> None:
    change = approve(cast, creation("legal/liability", body="one"))
    read = change.digest

    put_edit(actor=cast.author, change_id=change.pk, edit=creation("legal/liability", body="two"), now=timezone.now())
    with pytest.raises(ApprovalIncomplete):
        publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())

    # Putting the text back does not put the approval back.
    put_edit(actor=cast.author, change_id=change.pk, edit=creation("legal/liability", body="one"), now=timezone.now())
    again = submit_change(actor=cast.author, change_id=change.pk, now=timezone.now())
    assert again.digest != read
    with pytest.raises(ApprovalIncomplete):
        publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())


def test_describe__new_reason_after_approval__approval_is_void(cast: Cast) -> None:
    change = approve(cast, creation("legal/liability"))

    describe_change(actor=cast.author, change_id=change.pk, reason="Another reason", now=timezone.now())

    change.refresh_from_db()
    assert (change.state, change.digest) == ("draft", "")


def test_put_edit__same_text__keeps_the_approval(cast: Cast) -> None:
    change = approve(cast, creation("legal/liability", body="one"))

    put_edit(actor=cast.author, change_id=change.pk, edit=creation("legal/liability", body="one"), now=timezone.now())

    change.refresh_from_db()
    assert change.state == "approved"


def test_create_change__nothing_different__makes_no_change(cast: Cast) -> None:
    publish(cast, creation("legal/liability", body="one"))

    with pytest.raises(NothingToChange):
        propose(cast, revision("legal/liability", body="one"))
    assert Change.objects.count() == 1


def test_publish__unapproved__is_refused(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability"))

    with pytest.raises(ApprovalIncomplete):
        publish_change(actor=cast.reviewer, change_id=change.pk, now=timezone.now())
    assert not ContextItem.objects.exists()


def test_publish__by_somebody_without_part_in_it__is_refused(cast: Cast) -> None:
    change = approve(cast, creation("legal/liability"))

    with pytest.raises(NotPermitted):
        publish_change(actor=cast.outsider, change_id=change.pk, now=timezone.now())


def test_publish__item_moved_on_meanwhile__is_refused_and_named(cast: Cast) -> None:
    publish(cast, creation("legal/liability", body="one"))
    slow = approve(cast, revision("legal/liability", body="slow"))
    publish(cast, revision("legal/liability", body="quick"))

    with pytest.raises(StaleBase, match="legal/liability is at version 2") as refusal:
        publish_change(actor=cast.author, change_id=slow.pk, now=timezone.now())
    assert refusal.value.extra["keys"] == ["legal/liability"]


def test_create_change__stale_base_version__is_refused(cast: Cast) -> None:
    publish(cast, creation("legal/liability", body="one"))
    publish(cast, revision("legal/liability", body="two"))

    with pytest.raises(StaleBase):
        propose(cast, EditInput(operation="revise", key="legal/liability", payload={"body": "x"}, base_version=1))


def test_create_change__data_against_the_schema__names_the_place(cast: Cast) -> None:
    with pytest.raises(SchemaViolation, match=r"data\.rules\.0\.obligation"):
        propose(cast, creation("legal/liability", data={"rules": [{"obligation": "perhaps", "statement": "Do it."}]}))
    assert not Change.objects.exists()


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"body": "a\x00b"}, "body"),
        ({"body": "\ud800"}, "body"),
        ({"tags": "one"}, "tags"),
        ({"sensitivity": "secret"}, "sensitivity"),
        ({"sensitivity": "restricted"}, "sensitivity"),
        ({"valid_from": "soon"}, "valid_from"),
        ({"valid_from": "2026-02-01", "valid_to": "2026-01-01"}, "valid_to"),
        ({"review_interval_days": 0}, "review_interval_days"),
        ({"review_interval_days": True}, "review_interval_days"),
        ({"locale": "!!"}, "locale"),
        ({"surprise": 1}, "surprise"),
        ({"data": []}, "data"),
    ],
)
def test_create_change__bad_value__error_names_the_field(cast: Cast, payload: dict, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        propose(cast, creation("legal/liability", **payload))
    assert refusal.value.field == field
    assert refusal.value.fix
    assert not Change.objects.exists()


@pytest.mark.parametrize(
    "payload",
    [
        {"kind": "poem"},
        {"domain": "nowhere"},
        {"owner": "nobody"},
        {"stewards": ["nobody"]},
        {"audiences": ["nobody"]},
        {"relations": [{"type": "related", "key": "legal/nothing"}]},
    ],
)
def test_create_change__unknown_reference__is_refused(cast: Cast, payload: dict) -> None:
    with pytest.raises(UnknownReference):
        propose(cast, creation("legal/liability", **payload))


def test_create_change__outside_ones_domains__is_refused(cast: Cast) -> None:
    with pytest.raises(NotPermitted, match="Finance"):
        propose(cast, creation("finance/budget"))


def test_publish__two_new_items_that_relate__both_are_linked(cast: Cast) -> None:
    publish(
        cast,
        creation("legal/one", relations=[{"type": "related", "key": "legal/two"}]),
        creation("legal/two", relations=[{"type": "depends_on", "key": "legal/one"}]),
    )

    assert set(Relation.objects.values_list("source__key", "type", "target__key")) == {
        ("legal/one", "related", "legal/two"),
        ("legal/two", "depends_on", "legal/one"),
    }


def test_publish__retire__item_is_out_of_force_and_names_its_replacement(cast: Cast) -> None:
    publish(cast, creation("legal/old"), creation("legal/new"))
    [item] = publish(cast, EditInput(operation="retire", key="legal/old", replaced_by="legal/new"))

    assert item.retired_at is not None
    assert item.replaced_by is not None
    assert item.replaced_by.key == "legal/new"
    assert not ContextItem.objects.in_force(timezone.now()).filter(key="legal/old").exists()
    assert not item.passages.exists()


def test_revert__published_change__is_a_change_like_any_other(cast: Cast) -> None:
    publish(cast, creation("legal/liability", body="one"))
    publish(cast, revision("legal/liability", body="two"))
    undone = Change.objects.get(pk=Change.objects.latest("pk").pk)

    draft = revert_change(actor=cast.author, change_id=undone.pk, reason="It was wrong", now=timezone.now())
    assert draft.state == "draft"
    change = submit_change(actor=cast.author, change_id=draft.pk, now=timezone.now())
    review_change(
        actor=cast.reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=timezone.now()
    )
    publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())

    item = ContextItem.objects.get(key="legal/liability")
    assert [version.body for version in item.versions.order_by("number")] == ["one", "two", "one"]


def test_publish__valid_from_in_the_future__the_old_text_stays_in_force_until_then(cast: Cast) -> None:
    now = timezone.now()
    publish(cast, creation("legal/liability", body="one"), now=now - timedelta(days=1))
    [item] = publish(
        cast, revision("legal/liability", body="two", valid_from=(now + timedelta(days=3)).isoformat()), now=now
    )

    def body(at):
        return ContextVersion.objects.in_force(at).get(item=item).body

    assert body(timezone.now()) == "one"
    assert body(now + timedelta(days=4)) == "two"
    assert set(item.passages.in_force(now + timedelta(days=4)).values_list("version__number", flat=True)) == {2}
    assert set(item.passages.in_force(timezone.now()).values_list("version__number", flat=True)) == {1}


def test_publish_due__time_has_come__is_published_once(cast: Cast) -> None:
    now = timezone.now()
    change = approve(cast, creation("legal/liability"))
    publish_change(actor=cast.author, change_id=change.pk, now=now, at=now + timedelta(hours=1))

    assert publish_due_changes(now=now) == []
    assert publish_due_changes(now=now + timedelta(hours=2)) == [change.pk]
    assert publish_due_changes(now=now + timedelta(hours=2)) == []
    assert AuditEvent.objects.filter(action="governance.change.published").count() == 1


def test_publish_due__base_moved__is_suspended_and_says_so(cast: Cast) -> None:
    now = timezone.now()
    publish(cast, creation("legal/liability", body="one"))
    waiting = approve(cast, revision("legal/liability", body="planned"))
    publish_change(actor=cast.author, change_id=waiting.pk, now=now, at=now + timedelta(hours=1))
    publish(cast, revision("legal/liability", body="urgent"))

    assert publish_due_changes(now=now + timedelta(hours=2)) == []
    waiting.refresh_from_db()
    assert "is at version 2" in waiting.suspended_because


def test_policy__two_stages__second_waits_for_the_first_and_nobody_counts_twice(cast: Cast) -> None:
    policy = ApprovalPolicy.objects.create(name="Legal twice", domain=cast.legal)
    ApprovalStage.objects.create(policy=policy, order=1, name="Approver", approvers="role", role="approver")
    ApprovalStage.objects.create(policy=policy, order=2, name="Owner", approvers="domain_owner")
    change = submit(cast, creation("legal/liability"))

    def decide(person):
        review_change(actor=person, change_id=change.pk, decision="approve", digest=change.digest, now=timezone.now())
        change.refresh_from_db()
        return change.state

    with pytest.raises(NotPermitted, match="not your turn yet"):
        decide(cast.owner)
    assert decide(cast.reviewer) == "in_review"
    with pytest.raises(NotPermitted):
        decide(cast.reviewer)
    assert decide(cast.owner) == "approved"


def test_policy__lowered_sensitivity__is_judged_by_the_stricter_policy_too(cast: Cast) -> None:
    publish(cast, creation("legal/liability", sensitivity="confidential"))
    policy = ApprovalPolicy.objects.create(name="Confidential", sensitivity=2)
    ApprovalStage.objects.create(policy=policy, order=1, name="Owner", approvers="domain_owner")

    change = submit(cast, revision("legal/liability", sensitivity="public"))
    review_change(
        actor=cast.reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=timezone.now()
    )

    change.refresh_from_db()
    assert change.state == "in_review"


def test_reject__ends_the_change_and_leaves_the_live_text_alone(cast: Cast) -> None:
    publish(cast, creation("legal/liability", body="one"))
    change = submit(cast, revision("legal/liability", body="two"))

    with pytest.raises(InvalidInput):
        review_change(
            actor=cast.reviewer, change_id=change.pk, decision="reject", digest=change.digest, now=timezone.now()
        )
    review_change(
        actor=cast.reviewer,
        change_id=change.pk,
        decision="reject",
        digest=change.digest,
        comment="Two is too many.",
        now=timezone.now(),
    )

    change.refresh_from_db()
    assert change.state == "rejected"
    assert ContextVersion.objects.get().body == "one"


def test_request_changes__back_to_draft_and_approvals_are_void(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability"))
    review_change(
        actor=cast.reviewer,
        change_id=change.pk,
        decision="request_changes",
        digest=change.digest,
        comment="Say how much.",
        now=timezone.now(),
    )
    change.refresh_from_db()
    assert change.state == "draft"
    # The reviewer did not edit anything by asking, and may approve the next text.
    again = submit_change(actor=cast.author, change_id=change.pk, now=timezone.now())
    assert may_review(again, principal_for(cast.reviewer)).allowed


def test_draft__of_somebody_else__does_not_exist(cast: Cast) -> None:
    change = propose(cast, creation("legal/liability"))

    with pytest.raises(NotFound):
        withdraw_change(actor=cast.reviewer, change_id=change.pk, now=timezone.now())
    assert not Change.objects.visible_to(principal_for(cast.admin)).exists()


def test_change__touching_text_above_ones_clearance__does_not_exist(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability", sensitivity="confidential"))

    assert not Change.objects.visible_to(principal_for(cast.outsider)).exists()
    with pytest.raises(NotFound):
        review_change(
            actor=cast.outsider, change_id=change.pk, decision="approve", digest=change.digest, now=timezone.now()
        )


def test_put_edit__row_version_moved_on__is_refused(cast: Cast) -> None:
    change = propose(cast, creation("legal/liability"))

    with pytest.raises(PreconditionFailed):
        put_edit(
            actor=cast.author,
            change_id=change.pk,
            edit=creation("legal/two"),
            now=timezone.now(),
            expected_row_version=change.row_version + 1,
        )


def test_remove_edit__last_one__cannot_be_submitted(cast: Cast) -> None:
    change = propose(cast, creation("legal/liability"))
    remove_edit(actor=cast.author, change_id=change.pk, key="legal/liability", now=timezone.now())

    with pytest.raises(Conflict, match="has no edits"):
        submit_change(actor=cast.author, change_id=change.pk, now=timezone.now())


def test_reopen__withdrawn__is_a_draft_again(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability"))
    withdraw_change(actor=cast.author, change_id=change.pk, now=timezone.now())

    assert reopen_change(actor=cast.author, change_id=change.pk, now=timezone.now()).state == "draft"


def test_create_change__same_item_twice__is_refused(cast: Cast) -> None:
    with pytest.raises(InvalidInput, match="twice"):
        create_change(
            actor=cast.author,
            title="Twice",
            reason="x",
            edits=[creation("legal/one"), creation("legal/one", body="y")],
            now=timezone.now(),
        )


def test_every_state_change__has_exactly_one_event(cast: Cast) -> None:
    publish(cast, creation("legal/liability"))

    assert list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True)) == [
        "governance.change.created",
        "governance.change.submitted",
        "governance.change.review_approved",
        "context.version.published",
        "governance.change.published",
    ]


def test_change__for_an_audience_its_author_is_not_in__is_still_the_authors_to_see(cast: Cast) -> None:
    change = submit(cast, creation("legal/privileged", audiences=["counsel"]))

    assert Change.objects.visible_to(principal_for(cast.author)).exists()
    assert not Change.objects.visible_to(principal_for(cast.reviewer)).exists()
    cast.author.clearance = 0
    cast.author.save()
    assert not Change.objects.visible_to(principal_for(cast.author)).filter(pk=change.pk).exists()
