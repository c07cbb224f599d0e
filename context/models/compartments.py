"""Compartments: passages that the same readers may see, kept under one number; must not decide who may see what."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Compartment(models.Model):
    """All passages of items of one domain, kind, sensitivity and set of audiences.

    A reader sees all of a compartment or, but for items they own or steward, none of it, so that search compares one
    number instead of asking for each passage's item. Made, and passages put into them, by triggers alone
    (context/migrations/0009). `passages` is a count of some minutes ago.
    """

    sensitivity = models.PositiveSmallIntegerField()
    domain = models.ForeignKey("context.Domain", on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.ForeignKey("context.Kind", on_delete=models.CASCADE, related_name="+", db_index=False)
    audience_ids = ArrayField(models.IntegerField())
    passages = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "kind", "sensitivity", "audience_ids"], name="compartment_stands_once"
            ),
        ]

    def __str__(self) -> str:
        return f"compartment {self.pk}"
