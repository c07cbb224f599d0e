"""Where the ledger is streamed to and how far each receiver has got; must not deliver."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q

from context.models import Sensitivity


class StreamContent(models.TextChoices):
    EVENTS = "events", "Events"
    CHECKPOINTS = "checkpoints", "Checkpoints"


class StreamFormat(models.TextChoices):
    NATIVE = "native", "Plumbline JSON Lines"
    OCSF = "ocsf", "OCSF JSON Lines"


class StreamSignature(models.TextChoices):
    ED25519 = "ed25519", "Ed25519, the key of this installation"
    HMAC_SHA256 = "hmac-sha256", "HMAC-SHA256, a secret of the stream"


def new_salt() -> str:
    return secrets.token_hex(16)


class AuditStream(models.Model):
    """One receiver. `cursor` is the last sequence that it acknowledged, so the ledger itself is the outbox.

    The secret of an HMAC stream is not stored: it is derived from the installation's signing key and `salt`.
    `clearance` bounds what the receiver reads: of events above it, labels and data are withheld.
    """

    name = models.CharField(max_length=60, unique=True)
    url = models.CharField(max_length=500)
    content = models.CharField(max_length=12, choices=StreamContent.choices, default=StreamContent.EVENTS)
    format = models.CharField(max_length=8, choices=StreamFormat.choices, default=StreamFormat.NATIVE)
    signature = models.CharField(max_length=12, choices=StreamSignature.choices, default=StreamSignature.ED25519)
    clearance = models.PositiveSmallIntegerField(choices=Sensitivity.choices, default=Sensitivity.INTERNAL)
    salt = models.CharField(max_length=32, default=new_salt)
    cursor = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    paused_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=Q(cursor__gte=0), name="stream_cursor_is_a_sequence")]

    def __str__(self) -> str:
        return f"{self.name} → {self.url}"
