"""When each item was confirmed, and until when that held: its past, which its own row forgets; must not be written.

A trigger on items adds a row whenever a verification or a publication confirms one; every other write is refused.
"""

from __future__ import annotations

from django.db import models


class Verification(models.Model):
    item = models.ForeignKey("context.ContextItem", on_delete=models.PROTECT, related_name="verifications")
    verified_at = models.DateTimeField()
    verified_until = models.DateTimeField()
    verified_by = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["item_id", "-verified_at", "-id"]
        indexes = [models.Index(fields=["item", "-verified_at"], name="verification_of_item")]

    def __str__(self) -> str:
        return f"item {self.item_id} at {self.verified_at:%Y-%m-%d}"
