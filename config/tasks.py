"""Celery's entry point to what the edge forgets in time; must hold no rule."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from config.api.idempotency import forget_answers


@shared_task(name="config.tasks.forget_repeated_answers")
def forget_repeated_answers() -> int:
    """Delete the stored answers to repeated writes that are older than a day; returns how many."""
    return forget_answers(now=timezone.now())
