"""Signed statements of how the ledger stood at a moment; must not change once written (triggers)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class Checkpoint(models.Model):
    """The ledger up to `sequence`, signed: whoever holds it can prove what came before.

    `merkle_root` is the RFC 9162 tree hash over the hashes of events 1 to `sequence`; `frontier` holds the roots of
    its perfect subtrees, from which the next checkpoint goes on without reading what is covered. The signature is
    over the canonical JSON of `governance.audit.checkpoints.statement_of`. A trigger refuses a row that is not of
    an event in the ledger or not later than the checkpoint before, and every UPDATE, DELETE and TRUNCATE.
    """

    sequence = models.BigIntegerField(primary_key=True)
    ledger = models.CharField(max_length=64)
    head_hash = models.CharField(max_length=64)
    merkle_root = models.CharField(max_length=64)
    event_count = models.BigIntegerField()
    frontier = models.JSONField(default=list)
    signed_at = models.DateTimeField()
    key_id = models.CharField(max_length=16)
    signature = models.CharField(max_length=88)

    class Meta:
        ordering = ["-sequence"]
        constraints = [
            models.CheckConstraint(condition=Q(sequence__gte=1), name="checkpoint_is_of_an_event"),
            # The ledger has no gaps, so its length is its last number; written out because the tree is of the count.
            models.CheckConstraint(condition=Q(event_count=F("sequence")), name="checkpoint_counts_every_event"),
        ]

    def __str__(self) -> str:
        return f"Checkpoint at event {self.sequence}, {self.signed_at:%Y-%m-%d %H:%M}"
