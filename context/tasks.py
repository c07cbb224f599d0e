"""Celery's entry points to the context floor; must hold no rule."""

from __future__ import annotations

import time

from celery import shared_task

from context.embeddings import embed_pending, release_other_models

BATCH = 64
SECONDS_AT_A_TIME = 45.0


@shared_task(name="context.tasks.embed_passages")
def embed_passages() -> int:
    """Embed the passages that wait, for at most 45 s; what is left waits for the next call. Returns how many.

    The rows are the record of the work: calling this too often, or losing a call, does no harm.
    """
    release_other_models()
    deadline = time.monotonic() + SECONDS_AT_A_TIME
    done = 0
    while time.monotonic() < deadline:
        batch = embed_pending(BATCH)
        done += batch
        if batch < BATCH:
            break
    return done
