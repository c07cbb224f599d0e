"""The schedule's task for memory; must hold no rule."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from agents.memory.keeping import sweep


@shared_task(name="agents.memory.tasks.sweep_memory")
def sweep_memory() -> int:
    """Delete entries that have expired, which nobody is told any more; how many."""
    return sweep(now=timezone.now())
