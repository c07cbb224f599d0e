"""How far the spans of runs have left for a collector outside; must not send them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class TraceExport(models.Model):
    """The one row of what was exported: every run event of the ledger up to `cursor` has had its spans delivered.

    `delivered` and `refused` count spans; what a collector refuses for good is passed over, and `last_error` says why.
    """

    cursor = models.BigIntegerField()
    delivered = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_row_of_trace_export")]

    def __str__(self) -> str:
        return f"spans up to event {self.cursor}"
