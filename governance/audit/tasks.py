"""Celery's entry points to the ledger's checkpoints, streams and retention; must hold no rule."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from context.access import SYSTEM
from governance.audit.checkpoints import make_checkpoint, write_files
from governance.audit.delivery import deliver_due
from governance.audit.retention import redact_expired_events
from governance.audit.streams import follow_webhook


@shared_task(name="governance.audit.tasks.sign_checkpoint")
def sign_checkpoint() -> int:
    """Sign the head and write the files that are missing; returns the sequence signed, 0 for an empty ledger."""
    checkpoint = make_checkpoint(now=timezone.now())
    write_files()
    return 0 if checkpoint is None else checkpoint.sequence


@shared_task(name="governance.audit.tasks.deliver_streams")
def deliver_streams() -> int:
    """Deliver to every stream that is due; returns how many records receivers acknowledged.

    The cursors are the record of the work: calling this too often, or losing a call, does no harm.
    """
    follow_webhook(now=timezone.now())
    return deliver_due(now=timezone.now())


@shared_task(name="governance.audit.tasks.redact_expired")
def redact_expired() -> int:
    """Redact the payload of events older than their retention; returns how many."""
    return redact_expired_events(actor=SYSTEM, now=timezone.now())
