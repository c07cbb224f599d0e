"""Approvals bind to digest and policy, and leave a signed receipt."""

from __future__ import annotations

import copy

import pytest
from django.utils import timezone

from governance.models import ApprovalPolicy, ApprovalStage, Review
from governance.publishing import publish_change
from governance.receipts import document_of, is_genuine
from governance.reviews import ApprovalVoid
from tests.cast import Cast, approve, creation


def test_approval__leaves_a_receipt_that_verifies_with_the_public_key_alone(cast: Cast) -> None:
    change = approve(cast, creation("legal/liability"))

    document = document_of(Review.objects.get())
    assert document["receipt"]["change"]["digest"] == change.digest
    assert document["receipt"]["reviewer"]["username"] == "reviewer"
    assert is_genuine(document["receipt"], document["signature"], document["public_key"])


@pytest.mark.parametrize("place", [("change", "digest"), ("reviewer", "username"), ("decision",), ("decided_at",)])
def test_receipt__altered_anywhere__is_not_genuine(cast: Cast, place: tuple[str, ...]) -> None:
    approve(cast, creation("legal/liability"))
    document = document_of(Review.objects.get())
    forged = copy.deepcopy(document["receipt"])
    part = forged
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = "other"

    assert not is_genuine(forged, document["signature"])


def test_publish__policy_changed_after_approval__approval_is_void(cast: Cast) -> None:
    change = approve(cast, creation("legal/liability"))
    policy = ApprovalPolicy.objects.create(name="Stricter", domain=cast.legal)
    ApprovalStage.objects.create(policy=policy, order=1, name="Same people", approvers="role", role="approver")

    with pytest.raises(ApprovalVoid):
        publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())


def test_publish__stage_of_the_policy_changed_after_approval__approval_is_void(cast: Cast) -> None:
    change = approve(cast, creation("legal/liability"))
    stage = ApprovalStage.objects.get()
    stage.people_required = 2
    stage.save()

    with pytest.raises(ApprovalVoid):
        publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())
