"""Forgets notifications that are old and were told; must not touch what somebody has yet to be told."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from governance.models import Delivery, DeliveryState, Notification

AT_ONCE = 5_000


def prune_notifications(*, now: datetime) -> int:
    """Delete notifications older than NOTIFICATIONS_KEPT_DAYS, with their deliveries; returns how many.

    Those on their way outside stay until they have arrived or failed. No event: what they told of has its own.
    """
    cutoff = now - timedelta(days=settings.NOTIFICATIONS_KEPT_DAYS)
    on_their_way = Delivery.objects.filter(state=DeliveryState.PENDING).values("notification_id")
    old = Notification.objects.filter(created_at__lt=cutoff).exclude(pk__in=on_their_way).order_by("pk")
    gone = 0
    while batch := list(old.values_list("pk", flat=True)[:AT_ONCE]):
        Notification.objects.filter(pk__in=batch).delete()
        gone += len(batch)
    return gone
