"""The schedule's tasks for runs: each call does a bounded part of what stands in the tables."""

from __future__ import annotations

from threading import BoundedSemaphore
from time import monotonic

from celery import shared_task
from django.utils import timezone

from agents.runs.going_around import go_around
from agents.runs.leases import take_back_expired
from agents.runs.pushing import push_next
from agents.runs.waiting import look_again

PUSH_SECONDS = 60
# How many tasks of a process send at once. Others find their thread free: leases expire while agents are slow.
_SENDING = BoundedSemaphore(6)


@shared_task
def return_expired_runs() -> int:
    """Take back runs that nothing was heard of."""
    return take_back_expired(now=timezone.now())


@shared_task
def look_again_at_waiting_runs() -> int:
    """Route the runs that wait for context again."""
    return look_again(now=timezone.now())


@shared_task
def push_runs() -> int:
    """Send out runs until none can go, or a minute has passed; how many were taken. Those who send already go on."""
    if not _SENDING.acquire(blocking=False):
        return 0
    try:
        go_around(now=timezone.now())
        ends_at, taken = monotonic() + PUSH_SECONDS, 0
        while monotonic() < ends_at and push_next(now=timezone.now()):
            taken += 1
        return taken
    finally:
        _SENDING.release()
