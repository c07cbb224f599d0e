"""Denied attempts and reads of restricted texts: each is an event that outlives the refusal."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone

from context.access import SYSTEM, principal_for
from context.errors import NotPermitted
from governance.audit.attempts import asking, record_denied, record_restricted_read
from governance.audit.ledger import Subject
from governance.audit.verification import verify_chain
from governance.models import AuditEvent
from tests.cast import Cast

NOW = timezone.now()


def test_denied__after_the_refused_transaction__the_event_stays(committed_db: None, cast: Cast) -> None:
    actor = principal_for(cast.author)
    with pytest.raises(NotPermitted):
        try:
            with transaction.atomic():
                raise NotPermitted("You wrote this change.")
        except NotPermitted as refusal:
            record_denied(
                actor=actor,
                action="governance.review",
                subject=Subject(type="change", id="7", label="A change"),
                refusal=refusal,
                now=NOW,
                data={"decision": "approve"},
                before="a" * 64,
            )
            raise

    event = AuditEvent.objects.get()
    assert (event.action, event.actor_id, event.subject_id) == ("governance.review.denied", cast.author.pk, "7")
    assert event.data == {"decision": "approve", "why": "You wrote this change."}
    assert verify_chain().holds


def test_denied__inside_a_transaction_that_rolls_back__is_undone_with_it(committed_db: None, cast: Cast) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record_denied(
            actor=principal_for(cast.author),
            action="governance.review.denied",
            subject=Subject(type="change", id="7", label="A change"),
            refusal="No.",
            now=NOW,
        )
        assert AuditEvent.objects.get().action == "governance.review.denied"
        _ = 1 / 0
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(("sensitivity", "recorded"), [(0, False), (2, False), (3, True)])
def test_read__of_restricted_text_alone__is_an_event(cast: Cast, sensitivity: int, recorded: bool) -> None:
    event = record_restricted_read(
        actor=principal_for(cast.owner),
        subject=Subject(type="item", id="legal/merger", label="The merger", sensitivity=sensitivity),
        how="page",
        digest="b" * 64,
        now=NOW,
        version=3,
    )

    assert (event is not None) == recorded == AuditEvent.objects.exists()
    if event is not None:
        assert (event.action, event.after_digest) == ("context.item.read", "b" * 64)
        assert event.data == {"how": "page", "version": 3}


def test_asking__a_visitor_who_did_not_sign_in__is_nobody_who_could_be_refused(cast: Cast) -> None:
    assert asking(cast.author) == principal_for(cast.author)
    assert asking(SYSTEM) is SYSTEM
    with pytest.raises(TypeError, match="AnonymousUser"):
        asking(AnonymousUser())
