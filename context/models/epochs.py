"""Epochs: when what a class of readers may see last changed, as a number that only rises; must not say what changed."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Epoch(models.Model):
    """The last change of one subject: a visibility class, everything (`all`), or what an upper floor names.

    A visibility class is all items of one domain, one sensitivity and one set of audiences. Values are drawn from one
    clock in the order of commits, so that a reader who knows a value has missed nothing at or below it. Written by
    triggers alone (context/migrations/0008).
    """

    subject = models.TextField(primary_key=True)
    value = models.BigIntegerField(db_index=True)
    domain_id = models.BigIntegerField(null=True)
    sensitivity = models.PositiveSmallIntegerField(null=True)
    audience_ids = ArrayField(models.IntegerField(), null=True)

    def __str__(self) -> str:
        return f"{self.subject} at {self.value}"


class EpochMark(models.Model):
    """What a transaction in progress has touched, an item with the class it had; an epoch once that commits."""

    transaction = models.BigIntegerField()
    subject = models.TextField()
    item_id = models.BigIntegerField(null=True)
    domain_id = models.BigIntegerField(null=True)
    sensitivity = models.PositiveSmallIntegerField(null=True)
    audience_ids = ArrayField(models.IntegerField(), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["transaction", "subject"], name="marked_once_a_transaction"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} touched"
