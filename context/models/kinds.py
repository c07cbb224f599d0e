"""Kinds of context and the JSON Schema each gives to an item's structured data; must not hold items."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from simple_history.models import HistoricalRecords


class Kind(models.Model):
    """A kind of context. `schema` is JSON Schema 2020-12 for `data`; the built-in nine are in `context/kinds/`."""

    slug = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    plural = models.CharField(max_length=80)
    description = models.TextField(blank=True)
    schema = models.JSONField(default=dict)
    built_in = models.BooleanField(default=False)
    default_review_interval_days = models.PositiveIntegerField(default=365)
    history: ClassVar[HistoricalRecords] = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(slug__regex=r"^[a-z][a-z0-9_]*$"), name="kind_slug_is_snake_case"
            ),
        ]

    def __str__(self) -> str:
        return self.name
