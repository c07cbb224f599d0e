"""Autosave, presence and discussion."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from context.errors import InvalidInput, NotFound, NotPermitted
from governance.comments import add_comment, settle_comment
from governance.drafting import autosave, autosaved, discard_autosave, mark_present, others_editing
from governance.models import AuditEvent
from tests.cast import Cast, creation, submit


def test_autosave__again__keeps_the_last_for_its_writer_alone(cast: Cast) -> None:
    now = timezone.now()
    for text in ("one", "two"):
        autosave(actor=cast.author, subject="legal/liability", form={"body": text}, base_version=1, now=now)

    kept = autosaved(actor=cast.author, subject="legal/liability")
    assert kept is not None
    assert kept.form == {"body": "two"}
    assert autosaved(actor=cast.reviewer, subject="legal/liability") is None
    discard_autosave(actor=cast.author, subject="legal/liability")
    assert autosaved(actor=cast.author, subject="legal/liability") is None


def test_autosave__too_large__is_refused(cast: Cast) -> None:
    with pytest.raises(InvalidInput):
        autosave(actor=cast.author, subject="x", form={"body": "x" * 2_000_001}, base_version=None, now=timezone.now())


def test_presence__others_are_shown_until_they_fall_silent(cast: Cast) -> None:
    now = timezone.now()
    mark_present(actor=cast.author, subject="legal/liability", now=now)

    assert others_editing(actor=cast.owner, subject="legal/liability", now=now) == [cast.author]
    assert others_editing(actor=cast.author, subject="legal/liability", now=now) == []
    assert others_editing(actor=cast.owner, subject="legal/liability", now=now + timedelta(minutes=2)) == []


def test_comment__on_a_passage__is_kept_with_it_and_recorded(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability", body="We accept all."))

    comment = add_comment(
        actor=cast.reviewer,
        change_id=change.pk,
        key="legal/liability",
        field="body",
        quote="We accept all.",
        text="All of it?",
        now=timezone.now(),
    )
    reply = add_comment(
        actor=cast.author, change_id=change.pk, text="Up to a limit.", reply_to=comment.pk, now=timezone.now()
    )
    assert reply.parent == comment
    change.refresh_from_db()
    assert change.state == "in_review"
    with pytest.raises(NotPermitted):
        settle_comment(actor=cast.owner, comment_id=comment.pk, now=timezone.now())
    assert settle_comment(actor=cast.author, comment_id=comment.pk, now=timezone.now()).resolved_by == cast.author
    assert AuditEvent.objects.filter(action="governance.change.commented").count() == 2


def test_comment__on_a_hidden_change__does_not_exist(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability", sensitivity="confidential"))

    with pytest.raises(NotFound):
        add_comment(actor=cast.outsider, change_id=change.pk, text="?", now=timezone.now())


def test_comment__empty_or_on_an_unknown_edit__is_refused(cast: Cast) -> None:
    change = submit(cast, creation("legal/liability"))

    with pytest.raises(InvalidInput):
        add_comment(actor=cast.reviewer, change_id=change.pk, text="  ", now=timezone.now())
    with pytest.raises(NotFound):
        add_comment(actor=cast.reviewer, change_id=change.pk, key="legal/other", text="?", now=timezone.now())
