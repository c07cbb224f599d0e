"""Celery's entry points to governance; must hold no rule."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from governance.publishing import publish_due_changes as publish_due


@shared_task(name="governance.tasks.publish_due_changes")
def publish_due_changes() -> list[int]:
    """Publish the scheduled changes whose time has come; returns their numbers."""
    return publish_due(now=timezone.now())
