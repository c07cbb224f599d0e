"""The schedule's task for flows: a bounded part of what stands in the tables; must not hold a rule."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from agents.flows.starting import cancel_left_over
from agents.flows.sweeping import follow_what_ended
from agents.flows.triggers import start_by_events


@shared_task
def work_on_flows() -> int:
    """Start flows by their events, take on what was left standing, and cancel what outlived its flow."""
    now = timezone.now()
    return start_by_events(now=now) + follow_what_ended(now=now) + cancel_left_over(now=now)
