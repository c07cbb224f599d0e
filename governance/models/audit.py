"""The audit ledger's rows; must not be written by anything but `governance/audit/ledger.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from context.access import Principal

GENESIS_HASH = "0" * 64


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def visible_to(self, principal: Principal) -> Self:
        """Events for those who audit: everything for an auditor or administrator, nothing for anyone else."""
        if principal.kind == "system" or principal.has_role("auditor") or principal.has_role("administrator"):
            return self
        return self.none()


class AuditEvent(models.Model):
    """One thing that happened, chained to the one before by hash.

    `hash` is SHA-256 over the canonical JSON of the header; the labels and `data` enter it through `payload_digest`
    (salted), so that they can one day be redacted without breaking the chain. `at` is when it was done,
    `recorded_at` the database's clock when it was appended. Triggers refuse DELETE, TRUNCATE, and every UPDATE but a
    redaction (governance/audit/retention.py).
    """

    sequence = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10)
    actor_id = models.BigIntegerField()
    actor_label = models.CharField(max_length=200)
    action = models.CharField(max_length=80)
    subject_type = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=200)
    subject_label = models.CharField(max_length=300)
    sensitivity = models.PositiveSmallIntegerField(default=1)
    request_id = models.CharField(max_length=64, blank=True)
    before_digest = models.CharField(max_length=64, blank=True)
    after_digest = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)
    salt = models.CharField(max_length=32)
    payload_digest = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64, unique=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ["-sequence"]
        constraints = [
            models.CheckConstraint(condition=Q(sequence__gte=1), name="audit_sequence_starts_at_one"),
            models.CheckConstraint(
                condition=~Q(sequence=1) | Q(previous_hash=GENESIS_HASH), name="audit_chain_starts_at_genesis"
            ),
        ]
        indexes = [
            models.Index(fields=["subject_type", "subject_id"]),
            models.Index(fields=["action"]),
            models.Index(fields=["actor_kind", "actor_id"]),
            models.Index(fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.sequence}: {self.actor_label} {self.action} {self.subject_label}"

    @property
    def is_redacted(self) -> bool:
        """Whether labels, data and salt were taken out by retention; the header and both digests stand."""
        return self.salt == ""
