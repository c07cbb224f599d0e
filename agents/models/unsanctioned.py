"""Programs that use agents' keys without any agent declaring them, counted and bounded; must not judge a request."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class UseKind(models.TextChoices):
    USER_AGENT = "user_agent", "A program that no agent declares"
    MCP_CLIENT = "mcp_client", "An MCP client that no agent declares"


class UseState(models.TextChoices):
    OPEN = "open", "Not settled"
    SANCTIONED = "sanctioned", "Sanctioned"
    BLOCKED = "blocked", "Blocked"


class UnsanctionedUse(models.Model):
    """A program that no agent declares: its name, whose key it last presented, and in how many minutes it was seen.

    Where there are too many of a kind, the rest are counted under an empty name.
    """

    kind = models.CharField(max_length=16, choices=UseKind.choices)
    name = models.CharField(max_length=200, blank=True)
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    client = models.CharField(max_length=45, blank=True)
    times = models.PositiveBigIntegerField(default=0)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=UseState.choices, default=UseState.OPEN)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-last_seen_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "name"], name="one_row_a_use"),
            models.CheckConstraint(condition=Q(kind__in=UseKind.values), name="use_kind_is_known"),
            models.CheckConstraint(
                condition=Q(state="open", settled_at__isnull=True) | (~Q(state="open") & Q(settled_at__isnull=False)),
                name="settled_use_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name or 'others'}"
