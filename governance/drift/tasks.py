"""Celery's entry points to drift; must hold no rule."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from governance.drift.scan import request_due_scan
from governance.drift.shards import work_on_scans, worker_slot
from governance.drift.sources.fetching import fetch_due_sources
from governance.drift.weekly import tell_weekly

# Short, so that what is published or delivered meanwhile does not wait long for the worker.
AT_MOST = timedelta(seconds=20)


@shared_task(name="governance.drift.tasks.work_on_drift")
def work_on_drift() -> int:
    """Ask for the scan of the schedule where it is due, and work on scans for a while; returns how many shards."""
    with worker_slot() as free:
        if not free:
            return 0
        request_due_scan(now=timezone.now())
        return work_on_scans(clock=timezone.now, at_most=AT_MOST)


@shared_task(name="governance.drift.tasks.read_sources")
def read_sources() -> int:
    """Read the sources that are due; returns how many were read."""
    return fetch_due_sources(clock=timezone.now, at_most=AT_MOST)


@shared_task(name="governance.drift.tasks.tell_owners_weekly")
def tell_owners_weekly() -> int:
    """Tell owners which findings wait for them, once a week; returns how many people were told."""
    return tell_weekly(now=timezone.now())
