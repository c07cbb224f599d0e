"""Celery's entry points to governance; must hold no rule."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from governance.delivering import deliver_due
from governance.people import look_for_departed_owners as look_for_departed
from governance.pruning import prune_notifications as prune
from governance.publishing import publish_due_changes as publish_due
from governance.readiness.snapshots import take_snapshot
from governance.reminders import remind


@shared_task(name="governance.tasks.publish_due_changes")
def publish_due_changes() -> list[int]:
    """Publish the scheduled changes whose time has come; returns their numbers."""
    return publish_due(now=timezone.now())


@shared_task(name="governance.tasks.deliver_notifications")
def deliver_notifications() -> int:
    """Send what people are to be told by e-mail and webhook; returns how many went out."""
    return deliver_due(now=timezone.now()).sent


@shared_task(name="governance.tasks.prune_notifications")
def prune_notifications() -> int:
    """Forget old notifications; returns how many."""
    return prune(now=timezone.now())


@shared_task(name="governance.tasks.remind_of_deadlines")
def remind_of_deadlines() -> int:
    """Remind of deadlines that come, are here or have passed; returns of how many somebody was told."""
    return remind(now=timezone.now())


@shared_task(name="governance.tasks.look_for_departed_owners")
def look_for_departed_owners() -> int:
    """Open findings on what people who left still own; returns how many stand."""
    return len(look_for_departed(now=timezone.now()))


@shared_task(name="governance.tasks.keep_readiness")
def keep_readiness() -> int:
    """Keep today's figures of readiness, once; returns how many rows."""
    return take_snapshot(now=timezone.now())
