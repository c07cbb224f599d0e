"""Answers already given to writes that carried an `Idempotency-Key`; must not outlive its day."""

from __future__ import annotations

from django.db import models


class IdempotentRequest(models.Model):
    """One principal's key: the digest of what was asked and, once known, the answer to repeat."""

    principal_kind = models.CharField(max_length=10)
    principal_id = models.BigIntegerField()
    key = models.CharField(max_length=200)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(null=True)
    content_type = models.CharField(max_length=80, blank=True)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["principal_kind", "principal_id", "key"], name="idempotency_key_used_once_by_a_principal"
            ),
        ]
        indexes = [models.Index(fields=["created_at"])]

    def __str__(self) -> str:
        return f"{self.principal_kind} {self.principal_id}: {self.key}"
