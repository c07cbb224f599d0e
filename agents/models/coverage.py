"""What agents asked in words, and keys that were refused: only counted and looked at for drift, never a record."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

LONGEST_QUESTION = 500


class Question(models.Model):
    """One question that came with a bundle request. Kept for some weeks, to see what nothing answers."""

    agent = models.ForeignKey("agents.Agent", on_delete=models.CASCADE, related_name="questions")
    contract_version = models.ForeignKey("agents.ContractVersion", on_delete=models.PROTECT, related_name="+")
    text = models.CharField(max_length=LONGEST_QUESTION)
    asked_at = models.DateTimeField()

    class Meta:
        ordering = ["-asked_at", "-id"]
        indexes = [models.Index(fields=["asked_at"])]

    def __str__(self) -> str:
        return self.text[:80]


class MisuseReason(models.TextChoices):
    UNKNOWN = "unknown", "Unknown or wrong key"
    REVOKED = "revoked", "Revoked key"
    EXPIRED = "expired", "Expired key"
    UNSANCTIONED = "unsanctioned", "Key of an agent that is not sanctioned"


class KeyMisuse(models.Model):
    """That a key was presented and refused, one row for each key and reason, noted at most once a minute.

    Without a key: no such key, or a wrong secret, which are not told apart. `times` counts the minutes.
    """

    key = models.ForeignKey("agents.AgentKey", on_delete=models.CASCADE, null=True, blank=True, related_name="misuses")
    reason = models.CharField(max_length=12, choices=MisuseReason.choices)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["-last_at"]
        constraints = [
            models.UniqueConstraint(fields=["key", "reason"], nulls_distinct=False, name="misuse_noted_once"),
            models.CheckConstraint(
                condition=Q(reason="unknown", key__isnull=True) | (~Q(reason="unknown") & Q(key__isnull=False)),
                name="only_an_unknown_key_is_none",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}: {self.times}"
