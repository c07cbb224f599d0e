"""The schedule's tasks for runs: each call does a bounded part of what stands in the tables."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from agents.runs.leases import take_back_expired
from agents.runs.waiting import look_again


@shared_task
def return_expired_runs() -> int:
    """Take back runs that nothing was heard of."""
    return take_back_expired(now=timezone.now())


@shared_task
def look_again_at_waiting_runs() -> int:
    """Route the runs that wait for context again."""
    return look_again(now=timezone.now())
