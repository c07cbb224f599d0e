"""Puts aside what the sample's people were told in two years that are over, so that only what waits is unread."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F

from governance.models import Change, ChangeState, Delivery, DeliveryState, Notification


def put_aside() -> None:
    """Notices are read within the hour, but for those of changes that wait now; nothing old is sent outside."""
    waiting = Change.objects.filter(state__in=[ChangeState.IN_REVIEW, ChangeState.APPROVED]).values_list(
        "pk", flat=True
    )
    still_new = {"subject_type": "change", "subject_id__in": [str(each) for each in waiting]}
    unread = Notification.objects.filter(read_at=None).exclude(**still_new)
    unread.update(read_at=F("created_at") + timedelta(hours=1))
    Delivery.objects.filter(state=DeliveryState.PENDING).update(state=DeliveryState.DROPPED)
