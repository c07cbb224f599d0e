"""Several texts at once: verified by who answers for them, or proposed for a new owner as one change."""

from __future__ import annotations

from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from context.models import ContextItem
from governance.models import AuditEvent, Change
from tests.cast import Cast, creation, publish


def test_verify__two_texts_of_ones_own__both_hold_for_another_interval(cast: Cast) -> None:
    long_ago = timezone.now() - timedelta(days=500)
    publish(cast, creation("legal/a", owner="owner"), creation("legal/b", owner="owner"), now=long_ago)
    client = Client()
    client.force_login(cast.owner)
    answer = client.post(
        reverse("governance:verify-items"), {"key": ["legal/a", "legal/b"], "next": "/items/"}, follow=True
    )
    assert "2 texts verified as still true." in answer.content.decode()
    assert not ContextItem.objects.overdue(timezone.now()).exists()
    assert AuditEvent.objects.filter(action="context.item.verified").count() == 2


def test_assign__two_texts__is_one_change_that_somebody_else_has_to_approve(cast: Cast) -> None:
    publish(cast, creation("legal/a", owner="owner"), creation("legal/b", owner="owner"))
    client = Client()
    client.force_login(cast.author)
    sent = {"key": ["legal/a", "legal/b"], "new_owner": "reviewer", "reason": "Olga moves on."}
    answer = client.post(reverse("governance:propose-owner"), sent)
    change = Change.objects.latest("pk")
    assert answer["Location"] == reverse("governance:change", args=[change.pk])
    assert change.state == "in_review"
    assert set(ContextItem.objects.values_list("owner__username", flat=True)) == {"owner"}


def test_assign__nothing_chosen__says_so(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.author)
    answer = client.post(reverse("governance:propose-owner"), {"new_owner": "owner"}, follow=True)
    assert "No item was named." in answer.content.decode()
