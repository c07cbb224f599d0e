"""Verification: who may confirm a text, and what it leaves behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from context.errors import InvalidInput, NotFound, NotPermitted
from context.models import ContextItem, RoleGrant
from governance.models import AuditEvent
from governance.verification import verify_items
from tests.cast import Cast, creation, publish


def test_verify__by_the_owner_of_the_domain__starts_the_interval_anew(cast: Cast) -> None:
    long_ago = timezone.now() - timedelta(days=800)
    publish(cast, creation("legal/liability", review_interval_days=90), now=long_ago)
    assert ContextItem.objects.overdue(timezone.now()).exists()
    now = timezone.now()

    verify_items(actor=cast.owner, keys=["legal/liability"], now=now)

    item = ContextItem.objects.get()
    assert item.verified_until == now + timedelta(days=90)
    assert item.verified_by == cast.owner
    assert AuditEvent.objects.filter(action="context.item.verified", subject_id="legal/liability").count() == 1


def test_verify__by_an_approver_without_ownership__is_refused(cast: Cast) -> None:
    publish(cast, creation("legal/liability"))

    with pytest.raises(NotPermitted):
        verify_items(actor=cast.reviewer, keys=["legal/liability"], now=timezone.now())
    assert not AuditEvent.objects.filter(action="context.item.verified").exists()


def test_verify__one_of_several_not_permitted__none_is_verified(cast: Cast) -> None:
    publish(cast, creation("legal/liability"), creation("sales/pricing"))

    with pytest.raises(NotPermitted, match="sales/pricing"):
        verify_items(actor=cast.owner, keys=["legal/liability", "sales/pricing"], now=timezone.now())
    assert not AuditEvent.objects.filter(action="context.item.verified").exists()


def test_verify__hidden_and_missing__read_the_same(cast: Cast) -> None:
    publish(cast, creation("legal/secret", sensitivity="confidential"))
    RoleGrant.objects.create(user=cast.outsider, role="steward")

    def refusal(key: str) -> str:
        with pytest.raises(NotFound) as caught:
            verify_items(actor=cast.outsider, keys=[key], now=timezone.now())
        return caught.value.detail.replace(key, "…")

    assert refusal("legal/secret") == refusal("legal/nothing")


def test_verify__nothing_named__says_so(cast: Cast) -> None:
    with pytest.raises(InvalidInput):
        verify_items(actor=cast.owner, keys=[], now=timezone.now())
