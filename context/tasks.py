"""Celery's entry points to the context floor; must hold no rule."""

from __future__ import annotations

import time

from celery import shared_task
from django.utils import timezone

from context.embeddings import TAKEN_AT_ONCE, embed_pending, release_other_models
from context.lexemes import refresh_counts

SECONDS_AT_A_TIME = 45.0
SECONDS_BETWEEN_RELEASES = 600.0


@shared_task(name="context.tasks.embed_passages")
def embed_passages() -> int:
    """Embed the passages that wait, for at most 45 s, and count their words; returns how many it embedded.

    The rows are the record of the work: calling this too often, or losing a call, does no harm.
    """
    refresh_counts(now=timezone.now())
    _release_now_and_then()
    deadline = time.monotonic() + SECONDS_AT_A_TIME
    done = 0
    while time.monotonic() < deadline:
        batch = embed_pending()
        done += batch
        if batch < TAKEN_AT_ONCE:
            break
    return done


_released_at = -SECONDS_BETWEEN_RELEASES


def _release_now_and_then() -> None:
    """Looking for vectors of another model reads every passage; models change seldom, and with a new process."""
    global _released_at
    if time.monotonic() - _released_at >= SECONDS_BETWEEN_RELEASES:
        release_other_models()
        _released_at = time.monotonic()
