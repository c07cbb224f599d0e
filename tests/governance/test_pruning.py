"""Old news is forgotten; what somebody has yet to be told is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.models import Delivery, Notification, NotificationKind
from governance.pruning import prune_notifications
from tests.cast import Cast

NOW = timezone.now()


@pytest.mark.parametrize(
    ("days", "state", "stays"),
    [(181, "", False), (179, "", True), (181, "pending", True), (181, "sent", False), (181, "failed", False)],
)
def test_prune__old_and_told__is_forgotten(cast: Cast, days: int, state: str, stays: bool) -> None:
    made = Notification.objects.create(
        person=cast.author,
        kind=NotificationKind.DELEGATION,
        subject_type="delegation",
        subject_id="1",
        text="Somebody decides.",
        created_at=NOW - timedelta(days=days),
    )
    if state:
        Delivery.objects.create(
            notification=made,
            channel="email",
            state=state,
            next_attempt_at=NOW,
            sent_at=NOW if state == "sent" else None,
        )
    assert prune_notifications(now=NOW) == (0 if stays else 1)
    assert Notification.objects.filter(pk=made.pk).exists() is stays
