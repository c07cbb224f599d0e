"""`load_sample`: once, all or nothing, and through the same rules as everyone."""

from __future__ import annotations

import json
import stat
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate as sign_in
from django.core.management import call_command
from django.db import IntegrityError, transaction

from agents.authentication import KeyRefused, authenticate
from context.models import ContextItem, ContextVersion, Domain, Passage, PersonalToken, User
from governance.audit.verification import verify_chain
from governance.models import AuditEvent, Change, ChangeState, Delivery, Notification, Review
from governance.sample import history

ROLES = {"author", "reviewer", "owner", "auditor", "admin", "outsider"}


def load(path: Path) -> str:
    out = StringIO()
    call_command("load_sample", credentials=path, stdout=out)
    return out.getvalue()


def test_load__twice__second_time_does_nothing_and_says_so(loaded: Path) -> None:
    before = loaded.read_bytes()
    counts = [model.objects.count() for model in (AuditEvent, ContextVersion, Change, User, PersonalToken)]
    assert "Nothing done" in load(loaded)
    assert loaded.read_bytes() == before
    assert [model.objects.count() for model in (AuditEvent, ContextVersion, Change, User, PersonalToken)] == counts


def test_load__credentials__are_private_complete_and_work(loaded: Path, credentials: dict[str, Any]) -> None:
    assert stat.S_IMODE(loaded.stat().st_mode) == 0o600
    assert set(credentials) == {"people", "agents"}
    assert set(credentials["people"]) == ROLES
    for person in credentials["people"].values():
        assert sign_in(username=person["username"], password=person["password"]) is not None
        assert person["token"].startswith("plp_")
    assert {"clause-extractor", "terms-comparer", "risk-scorer"} < set(credentials["agents"])
    for slug, agent in credentials["agents"].items():
        found = authenticate(f"Bearer {agent['key']}")
        assert found.slug == slug
        assert agent["contract"] in found.contracts


def test_load__file_is_gone__new_sign_ins_and_the_old_ones_end(loaded: Path, credentials: dict[str, Any]) -> None:
    loaded.unlink()
    assert "holds new sign-ins" in load(loaded)
    new = json.loads(loaded.read_text())
    for role in ROLES:
        old_one, new_one = credentials["people"][role], new["people"][role]
        assert sign_in(username=old_one["username"], password=old_one["password"]) is None
        assert sign_in(username=new_one["username"], password=new_one["password"]) is not None
    assert PersonalToken.objects.filter(revoked_at=None).count() == len(ROLES)
    with pytest.raises(KeyRefused):
        authenticate(f"Bearer {credentials['agents']['terms-comparer']['key']}")
    assert authenticate(f"Bearer {new['agents']['terms-comparer']['key']}").slug == "terms-comparer"
    assert verify_chain().holds


def test_load__stopped_half_way__leaves_nothing(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, entry: object, now: object) -> None:
        raise IntegrityError("power cut")

    monkeypatch.setattr(history.History, "verify", fail)
    with pytest.raises(IntegrityError, match="power cut"), transaction.atomic():
        load(tmp_path / "credentials.json")
    assert not Domain.objects.exists()
    assert not User.objects.exists()
    assert not AuditEvent.objects.exists()
    assert list(tmp_path.iterdir()) == []


def test_load__another_organisation_is_there__nothing_is_done(db: None, tmp_path: Path) -> None:
    Domain.objects.create(slug="ours", name="Ours")
    assert "another organisation" in load(tmp_path / "credentials.json")
    assert not ContextItem.objects.exists()
    assert list(tmp_path.iterdir()) == []


def test_ledger__after_loading__is_whole_and_never_goes_back_in_time(loaded: Path) -> None:
    assert verify_chain().holds
    times = list(AuditEvent.objects.order_by("sequence").values_list("at", flat=True))
    assert times == sorted(times)


def test_history__nothing_comes_before_its_cause(loaded: Path) -> None:
    for change in Change.objects.filter(state=ChangeState.PUBLISHED).prefetch_related("reviews", "editors"):
        approvals = [review for review in change.reviews.all() if review.decision == "approve"]
        assert change.created_at < change.submitted_at, change
        assert change.published_at is not None
        assert all(change.submitted_at < review.created_at < change.published_at for review in approvals), change
        assert approvals, change
        assert {review.reviewer_id for review in approvals}.isdisjoint(person.pk for person in change.editors.all()), (
            change
        )
    for version in ContextVersion.objects.select_related("item"):
        assert version.published_at >= version.item.created_at
        assert version.approvals


def test_history__versions_of_an_item_follow_each_other_without_a_gap(loaded: Path) -> None:
    for item in ContextItem.objects.prefetch_related("versions"):
        versions = sorted(item.versions.all(), key=lambda each: each.number)
        for earlier, later in pairwise(versions):
            assert earlier.superseded_at == later.published_at, item.key


def test_passages__every_text_in_force_can_be_searched(loaded: Path) -> None:
    assert not Passage.objects.filter(embedding=None).exists()
    without = ContextItem.objects.not_retired().filter(passages=None)
    assert list(without.values_list("key", flat=True)) == []


def test_reviews__one_change_was_sent_back_before_it_was_approved(loaded: Path) -> None:
    sent_back = Review.objects.get(decision="request_changes")
    assert sent_back.change.state == ChangeState.PUBLISHED
    assert "60 days" in sent_back.comment


def test_notices__only_what_waits_is_unread_and_nothing_old_is_sent(loaded: Path) -> None:
    unread = Notification.objects.filter(read_at=None)
    waiting = Change.objects.filter(state=ChangeState.IN_REVIEW)
    assert {notice.subject_id for notice in unread} <= {str(change.pk) for change in waiting}
    assert unread.exists()
    assert not Delivery.objects.filter(state="pending").exists()
