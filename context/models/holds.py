"""Holds: texts in force that are kept from contracts which demand verified context; must not hold why in full."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

HOLD_CODES = ("contradicted", "unverified")


class Hold(models.Model):
    """One reason to keep an item back. `code` is the gap that such a contract reports; `cause` names who placed it.

    Rows are the present: placed and lifted by governance, each with an audit event. Other contracts are not concerned.
    """

    item = models.ForeignKey("context.ContextItem", on_delete=models.CASCADE, related_name="holds")
    code = models.CharField(max_length=12, choices=[(code, code.capitalize()) for code in HOLD_CODES])
    cause = models.CharField(max_length=80)
    placed_at = models.DateTimeField()

    class Meta:
        ordering = ["item_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["item", "cause"], name="held_back_once_for_a_cause"),
            models.CheckConstraint(condition=Q(code__in=HOLD_CODES), name="hold_code_is_a_gap"),
        ]

    def __str__(self) -> str:
        return f"{self.item} held back: {self.code}"
