"""Celery's entry points to the agents floor; must hold no rule."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from agents import sealing


@shared_task(name="agents.tasks.seal_receipts")
def seal_receipts() -> int:
    """Put the receipts that wait under the ledger; returns how many events that took.

    The rows are the record of the work: calling this too often, or losing a call, does no harm.
    """
    return len(sealing.seal_receipts(now=timezone.now()))
