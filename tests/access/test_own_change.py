"""Every path by which an author might approve their own change: refused in words, recorded, and nothing moves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from context.access import SYSTEM, principal_for
from context.errors import Conflict, DomainError, InvalidInput, NotPermitted
from context.models import ContextItem, RoleGrant, User
from governance.changes import add_editor, create_change, submit_change
from governance.delegations import delegate
from governance.emergencies import publish_in_emergency
from governance.importing import carry_out, plan_import
from governance.inbox import inbox_for
from governance.models import ApprovalStage, AuditEvent, Change, ChangeState, Review
from governance.personal_tokens import issue_token
from governance.publishing import publish_change, revert_change
from governance.reviews import approval_progress, review_change
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, publish, revision, submit

OWN_WORK = "You wrote this change"


@pytest.fixture
def change(cast: Cast) -> Iterator[Change]:
    """The author's change, in review; whatever a test tries, it must end as it began."""
    publish(cast, creation("legal/liability", body="Capped at a million."))
    made = submit(cast, revision("legal/liability", body="Capped at nothing."))
    yield made
    now = Change.objects.get(pk=made.pk)
    assert (now.state, now.digest) == (ChangeState.IN_REVIEW, made.digest)
    assert not now.reviews.exists()
    assert not any(each.complete for each in approval_progress(now))
    assert ContextItem.objects.get(key="legal/liability").current_version.body == "Capped at a million."


def denied() -> list[str]:
    return list(AuditEvent.objects.filter(action__endswith=".denied").values_list("action", flat=True))


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def approve(cast: Cast, change: Change, actor: User | None = None) -> Review:
    return review_change(
        actor=actor or cast.author,
        change_id=change.pk,
        decision="approve",
        digest=change.digest,
        now=timezone.now(),
    )


def assert_refused(cast: Cast, change: Change) -> None:
    """The domain function refuses the author in words, and the attempt is an event."""
    before = len(denied())
    with pytest.raises(NotPermitted, match=OWN_WORK):
        approve(cast, change)
    assert len(denied()) == before + 1


def test_page__of_their_own_change__has_no_button_to_approve(cast: Cast, change: Change) -> None:
    address = reverse("governance:change", args=[change.pk])
    own = signed_in(cast.author).get(address).content.decode()
    assert 'value="approve"' not in own
    assert "Somebody else has to approve it" in own
    assert 'value="approve"' in signed_in(cast.reviewer).get(address).content.decode()


def test_form__posted_all_the_same__is_refused_in_words(cast: Cast, change: Change) -> None:
    answer = signed_in(cast.author).post(
        reverse("governance:review", args=[change.pk]), {"decision": "approve", "digest": change.digest}, follow=True
    )
    assert OWN_WORK in answer.content.decode()
    assert denied() == ["governance.review.denied"]
    event = AuditEvent.objects.get(action="governance.review.denied")
    assert event.actor_id == cast.author.pk
    assert event.data["client"] == "127.0.0.1"
    assert OWN_WORK in event.data["why"]


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "once-and-for-all"}])
def test_api__with_their_own_token__is_refused_each_time(cast: Cast, change: Change, headers: dict[str, str]) -> None:
    token = issue_token(user=cast.author, name="t", actor=SYSTEM, now=timezone.now()).text
    for attempt in (1, 2):
        answer = Client().post(
            f"/api/v1/changes/{change.pk}/reviews/",
            json.dumps({"decision": "approve", "digest": change.digest}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}", **headers},
        )
        assert answer.status_code == 403
        assert OWN_WORK in answer.json()["detail"]
        assert denied() == ["governance.review.denied"] * attempt


def test_admin__author_is_a_superuser__records_are_read_only(cast: Cast, change: Change) -> None:
    User.objects.filter(pk=cast.author.pk).update(is_staff=True, is_superuser=True)
    client = signed_in(cast.author)
    assert client.get(reverse("admin:governance_review_add")).status_code == 403
    assert client.post(reverse("admin:governance_review_add"), {"change": change.pk}).status_code == 403
    address = reverse("admin:governance_change_change", args=[change.pk])
    assert client.post(address, {"state": "approved"}).status_code == 403
    assert_refused(cast, change)


def test_shell__domain_function__is_refused(cast: Cast, change: Change) -> None:
    assert_refused(cast, change)


def test_orm__review_written_past_the_function__is_refused_by_the_database(cast: Cast, change: Change) -> None:
    with pytest.raises(DatabaseError, match="edited"), transaction.atomic():
        Review.objects.create(
            change=change,
            reviewer=cast.author,
            reviewer_label="Ada Author",
            decision="approve",
            digest=change.digest,
            stages=[],
            created_at=timezone.now(),
        )


def test_sql__state_set_by_hand__is_refused_by_the_database(cast: Cast, change: Change) -> None:
    for statement in (
        "UPDATE governance_change SET state = 'published', published_at = now() WHERE id = %s",
        "UPDATE context_contextversion SET body = 'Capped at nothing.' WHERE %s > 0",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [change.pk])


def test_sql__approved_by_hand__is_published_by_nobody(cast: Cast, change: Change) -> None:
    """Whoever may write the row of a change can say that it is approved, and gains nothing by it."""
    try:
        with transaction.atomic():
            Change.objects.filter(pk=change.pk).update(state=ChangeState.APPROVED)
            with pytest.raises(Conflict):
                publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())
            with pytest.raises(DatabaseError), transaction.atomic():
                Change.objects.filter(pk=change.pk).update(state=ChangeState.PUBLISHED, published_at=timezone.now())
            transaction.set_rollback(True)
    except DatabaseError:
        pass  # refused earlier still


def test_delegation__to_themselves__is_refused(cast: Cast, change: Change) -> None:
    now = timezone.now()
    more = {"from_at": now, "until_at": now + timedelta(days=1), "reason": "I am away", "now": now}
    with pytest.raises(InvalidInput, match="Nobody stands in for themselves"):
        delegate(actor=cast.author, to_person=cast.author, **more)
    with pytest.raises(NotPermitted):
        delegate(actor=cast.author, to_person=cast.author, from_person=cast.reviewer, **more)
    assert denied() == ["governance.delegation.denied"]
    assert_refused(cast, change)


def test_delegate__of_the_reviewer__is_still_the_author(cast: Cast, change: Change) -> None:
    now = timezone.now()
    delegate(
        actor=cast.reviewer,
        to_person=cast.author,
        from_at=now - timedelta(hours=1),
        until_at=now + timedelta(days=1),
        reason="Away",
        now=now,
    )
    assert_refused(cast, change)


def test_delegate__of_the_author__speaks_with_the_authors_voice(cast: Cast, change: Change) -> None:
    now = timezone.now()
    RoleGrant.objects.create(user=cast.author, role="approver", domain=cast.legal)
    User.objects.filter(pk=cast.outsider.pk).update(clearance=2)
    cast.outsider.refresh_from_db()
    delegate(
        actor=cast.author,
        to_person=cast.outsider,
        from_at=now - timedelta(hours=1),
        until_at=now + timedelta(days=1),
        reason="Away",
        now=now,
    )
    with pytest.raises(NotPermitted, match="in whose place you decide, edited this change"):
        approve(cast, change, actor=cast.outsider)
    assert denied() == ["governance.review.denied"]


@pytest.mark.parametrize("role", ["approver", "steward", "administrator"])
def test_role__of_the_reviewer_granted_to_the_author__changes_nothing(cast: Cast, change: Change, role: str) -> None:
    RoleGrant.objects.create(user=cast.author, role=role)
    assert_refused(cast, change)


def test_editors__removed_by_hand__the_author_stays_the_author(cast: Cast, change: Change) -> None:
    with transaction.atomic():
        try:
            with transaction.atomic():
                change.editors.clear()
        except DatabaseError:
            pass  # refused earlier still
        assert_refused(cast, change)
        transaction.set_rollback(True)


def test_editor__added_to_the_draft__may_not_approve_it_either(cast: Cast, change: Change) -> None:
    draft = create_change(actor=cast.author, title="T", reason="R", edits=[creation("legal/other")], now=timezone.now())
    add_editor(actor=cast.author, change_id=draft.pk, editor=cast.reviewer, now=timezone.now())
    submitted = submit_change(actor=cast.author, change_id=draft.pk, now=timezone.now())
    with pytest.raises(NotPermitted, match="You edited this change"):
        approve(cast, submitted, actor=cast.reviewer)
    assert denied() == ["governance.review.denied"]


def test_agent__key_of_an_agent_the_author_owns__approves_nothing(cast: Cast, change: Change) -> None:
    given = give(cast, contract(cast, [{"key": "legal/liability"}]))
    type(given.agent).objects.filter(pk=given.agent.pk).update(owner=cast.author)
    answer = Client().post(
        f"/api/v1/changes/{change.pk}/reviews/",
        json.dumps({"decision": "approve", "digest": change.digest}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {given.bearer}"},
    )
    assert answer.status_code == 403
    assert "Agents may not use this address" in answer.json()["detail"]


def test_import__of_ones_own_pages__is_a_change_that_one_may_not_approve(
    cast: Cast, change: Change, tmp_path: Path
) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "page.md").write_text("# A page\n\nIt says something.\n")
    plan = plan_import(actor=cast.author, directory=folder, domain="legal", now=timezone.now())
    imported = carry_out(actor=cast.author, plan=plan, submit=True, now=timezone.now())
    assert imported is not None
    assert_refused(cast, imported)


def test_revert__of_ones_own_published_change__needs_somebody_else_too(cast: Cast, change: Change) -> None:
    publish(cast, creation("legal/notice", body="Thirty days."))
    published = Change.objects.filter(state=ChangeState.PUBLISHED).latest("pk")
    undoing = revert_change(actor=cast.author, change_id=published.pk, reason="Mine again", now=timezone.now())
    submitted = submit_change(actor=cast.author, change_id=undoing.pk, now=timezone.now())
    assert_refused(cast, submitted)


def test_split__into_changes_of_their_own__none_is_the_authors_to_approve(cast: Cast, change: Change) -> None:
    for number in range(3):
        assert_refused(cast, submit(cast, creation(f"legal/part-{number}")))


@pytest.mark.parametrize("role", ["approver", "administrator", None])
def test_publication__without_any_approval__is_refused_however_it_is_asked_for(
    cast: Cast, change: Change, role: str | None
) -> None:
    if role is not None:
        RoleGrant.objects.create(user=cast.author, role=role)
    with pytest.raises(Conflict, match="not approved"):
        publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())
    with pytest.raises(Conflict, match="not approved"):
        publish_change(
            actor=cast.author, change_id=change.pk, now=timezone.now(), at=timezone.now() + timedelta(days=1)
        )
    with pytest.raises(DomainError, match="You edited this change"):
        publish_in_emergency(
            actor=cast.author,
            change_id=change.pk,
            reason="It cannot wait for anybody else to look at it.",
            now=timezone.now(),
        )
    assert denied() == ["governance.emergency.denied"]


def test_group__that_approves__joined_by_the_author__changes_nothing(cast: Cast, change: Change) -> None:
    ApprovalStage.objects.update(approvers="group", group=cast.counsel, role="")
    cast.author.groups.add(cast.counsel)
    submitted = submit(cast, creation("legal/by-group"))
    assert_refused(cast, submitted)


def test_second_account__with_the_same_address__is_the_same_person(cast: Cast, change: Change) -> None:
    second = User.objects.create_user(username="ada2", email="AUTHOR@example.org", clearance=2, first_name="Ada")
    RoleGrant.objects.create(user=second, role="approver", domain=cast.legal)
    with pytest.raises(NotPermitted, match="Ada Author edited this change and has the e-mail address"):
        approve(cast, change, actor=second)
    assert denied() == ["governance.review.denied"]
    assert not [
        each for each in inbox_for(principal=principal_for(second), now=timezone.now()) if each.kind == "review"
    ]


def test_second_account__of_a_reviewer__is_not_a_second_approval(cast: Cast, change: Change) -> None:
    ApprovalStage.objects.update(people_required=2)
    second = User.objects.create_user(username="rui2", email="reviewer@example.org", clearance=2)
    RoleGrant.objects.create(user=second, role="approver", domain=cast.legal)
    submitted = submit(cast, creation("legal/by-two"))
    approve(cast, submitted, actor=cast.reviewer)
    with pytest.raises(NotPermitted):
        approve(cast, submitted, actor=second)
    assert Change.objects.get(pk=submitted.pk).state == ChangeState.IN_REVIEW
    assert denied() == ["governance.review.denied"]


def test_messages__are_plain_sentences_that_say_who_may(cast: Cast, change: Change) -> None:
    assert_refused(cast, change)
    said = AuditEvent.objects.filter(action="governance.review.denied")
    for event in said:
        why = event.data["why"]
        assert why.endswith(".")
        assert "Somebody else" in why
        assert not {"_", "403", "exception"} & set(why.lower().split())
