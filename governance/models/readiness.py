"""How ready the context was on a day: rows that are only added; must not be computed here."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

# Counts over everything, for those who oversee everything; other rows are over texts open to all of that clearance.
OVERSIGHT = 9


class ReadinessSnapshot(models.Model):
    """The figures of one domain (None: of all) on one day, over what somebody of that clearance may see.

    Counts of texts that a reader may not know would tell of them, so there is one row for each clearance.
    """

    day = models.DateField()
    domain = models.ForeignKey(
        "context.Domain", on_delete=models.CASCADE, null=True, blank=True, related_name="readiness_snapshots"
    )
    clearance = models.PositiveSmallIntegerField()
    figures = models.JSONField()
    taken_at = models.DateTimeField()

    class Meta:
        ordering = ["day", "domain_id", "clearance"]
        constraints = [
            models.UniqueConstraint(
                fields=["day", "domain", "clearance"], nulls_distinct=False, name="one_snapshot_a_day"
            ),
            models.CheckConstraint(
                condition=Q(clearance__lte=3) | Q(clearance=OVERSIGHT), name="snapshot_is_for_a_clearance"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.domain_id or 'all'}"
