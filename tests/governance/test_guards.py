"""The invariants hold against plain SQL and the ORM, not only against the domain functions."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from context.models import ContextItem, ContextVersion, Domain, Kind
from governance.models import AuditEvent, Change, Review
from tests.cast import Cast, approve, creation, propose, publish, submit


def refused(statement: str, *parameters: object, match: str | None = None) -> None:
    with pytest.raises(DatabaseError, match=match), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def test_the_application_role__owns_nothing_and_cannot_truncate(cast: Cast) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
        assert cursor.fetchone() == (0,)
    refused("TRUNCATE governance_auditevent", match="permission denied")
    refused("ALTER TABLE governance_auditevent DISABLE TRIGGER ALL", match="must be owner")
    refused("SET session_replication_role = replica", match="permission denied")


def test_item__written_without_a_change__is_refused(cast: Cast) -> None:
    with pytest.raises(DatabaseError, match="only by publishing an approved change"), transaction.atomic():
        ContextItem.objects.create(
            key="legal/sly", kind=Kind.objects.get(slug="policy"), domain=cast.legal, created_at=timezone.now()
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE context_contextitem SET title = 'other'",
        "UPDATE context_contextitem SET sensitivity = 0",
        "UPDATE context_contextitem SET retired_at = now()",
        "UPDATE context_contextitem SET verified_until = now() + interval '9 years'",
        "UPDATE context_passage SET text = 'other'",
        "DELETE FROM context_passage",
        "UPDATE context_contextversion SET superseded_at = now()",
        "UPDATE context_contextversion SET body = 'other'",
        "DELETE FROM context_contextversion",
        "DELETE FROM context_contextitem",
        "DELETE FROM governance_auditevent",
        "UPDATE governance_auditevent SET actor_label = 'somebody else'",
        "UPDATE governance_review SET decision = 'reject'",
        "DELETE FROM governance_review",
        "DELETE FROM governance_change_editors",
        "UPDATE governance_change SET title = 'other'",
        "DELETE FROM governance_edit",
    ],
)
def test_published_rows__any_direct_write__is_refused(cast: Cast, statement: str) -> None:
    publish(cast, creation("legal/liability", body="one"))

    refused(statement)
    assert ContextVersion.objects.get().body == "one"


def test_the_pen__set_by_hand_after_publication__writes_nothing(cast: Cast, committed_db: None) -> None:
    publish(cast, creation("legal/liability"))
    change = Change.objects.get()

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plumbline.pen', %s, true)", [f"publish:{change.pk}"])
        cursor.execute("UPDATE context_contextitem SET title = 'other'")


def test_change__published_by_hand_without_approval__is_refused(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability"))

    refused(
        "UPDATE governance_change SET state = 'published', published_at = now() WHERE id = %s",
        change.pk,
        match="has 0 of 1 approvals",
    )


def test_change__approved_from_a_draft__is_refused(cast: Cast) -> None:
    change = propose(cast, creation("legal/liability"))

    refused("UPDATE governance_change SET state = 'approved', digest = 'x' WHERE id = %s", change.pk, match="in review")


def test_approved_change__digest_or_demand_altered__is_refused(cast: Cast) -> None:
    change = approve(cast, creation("legal/liability"))

    refused("UPDATE governance_change SET digest = 'x' WHERE id = %s", change.pk, match="approval is void")
    refused("UPDATE governance_edit SET payload = '{}' WHERE change_id = %s", change.pk, match="are fixed while")
    refused("UPDATE governance_change SET author_id = %s WHERE id = %s", cast.admin.pk, change.pk, match="stand")


def test_review__by_the_author__is_refused_by_the_database(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability"))

    with pytest.raises(DatabaseError, match="nobody reviews a change that they edited"), transaction.atomic():
        Review.objects.create(
            change=change,
            reviewer=cast.author,
            reviewer_label="Ada",
            decision="approve",
            digest=change.digest,
            created_at=timezone.now(),
        )


def test_review__of_another_digest__is_refused_by_the_database(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability"))

    with pytest.raises(DatabaseError, match="not of the digest"), transaction.atomic():
        Review.objects.create(
            change=change,
            reviewer=cast.reviewer,
            reviewer_label="Rui",
            decision="approve",
            digest="0" * 64,
            created_at=timezone.now(),
        )


def test_ledger__event_that_does_not_follow_the_head__is_refused(cast: Cast) -> None:
    publish(cast, creation("legal/liability"))
    head = AuditEvent.objects.first()
    assert head is not None

    for sequence, previous in ((head.sequence + 2, head.hash), (head.sequence + 1, "f" * 64)):
        forged = AuditEvent.objects.get(pk=head.pk)
        forged.sequence, forged.previous_hash, forged.hash = sequence, previous, "e" * 64
        with pytest.raises(DatabaseError, match="does not follow"), transaction.atomic():
            forged.save(force_insert=True)


def test_domain__with_items__cannot_be_deleted(cast: Cast) -> None:
    publish(cast, creation("legal/liability"))

    with pytest.raises(DatabaseError), transaction.atomic():
        Domain.objects.filter(pk=cast.legal.pk)._raw_delete("default")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
