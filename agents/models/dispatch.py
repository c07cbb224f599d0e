"""How an agent that does not claim its runs is reached, and how that went lately; must not reach it."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q


def fresh_salt() -> str:
    return secrets.token_hex(16)


class PushTarget(models.Model):
    """Runs of this agent are sent out: to a webhook, or to its model endpoint with `instructions` before the bundle.

    What signs a webhook's posts is derived from `salt` and the installation's key, so that no table holds it. After
    `failures` in a row the circuit is open until `closed_until`, and runs go down their route instead.
    """

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        MODEL = "model", "Model endpoint"

    agent = models.OneToOneField("agents.Agent", on_delete=models.PROTECT, related_name="push")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    url = models.CharField(max_length=500, blank=True)
    instructions = models.TextField(blank=True)
    timeout_seconds = models.PositiveSmallIntegerField(default=25)
    most_output_tokens = models.PositiveIntegerField(default=2_000)
    salt = models.CharField(max_length=32, default=fresh_salt, editable=False)
    failures = models.PositiveIntegerField(default=0)
    closed_until = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["agent_id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="webhook") & ~Q(url="") | Q(kind="model", url=""), name="webhook_has_a_url"
            ),
            models.CheckConstraint(
                condition=Q(timeout_seconds__gte=1, timeout_seconds__lte=600), name="push_timeout_is_sane"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent} by {self.get_kind_display().lower()}"
