"""How often texts of a kind and sensitivity are to be confirmed, where nobody says; must not hold texts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from context.models import Sensitivity

LONGEST_INTERVAL_DAYS = 3_650


class ReviewInterval(models.Model):
    """The interval for new items of this kind at this sensitivity; what is null matches anything."""

    kind = models.ForeignKey("context.Kind", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices, null=True, blank=True)
    days = models.PositiveIntegerField()
    history: ClassVar[HistoricalRecords] = HistoricalRecords()

    class Meta:
        ordering = ["kind_id", "sensitivity"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "sensitivity"], nulls_distinct=False, name="one_interval_per_kind_and_sensitivity"
            ),
            models.CheckConstraint(
                condition=Q(days__gte=1, days__lte=LONGEST_INTERVAL_DAYS), name="review_interval_is_up_to_ten_years"
            ),
        ]

    def __str__(self) -> str:
        level = "any sensitivity" if self.sensitivity is None else Sensitivity(self.sensitivity).word
        return f"{self.kind or 'any kind'}, {level}: {self.days} days"
