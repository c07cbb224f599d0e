"""What agents remember between steps and runs; never context, and never turned into it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from context.models import Sensitivity

NAMESPACE_PATTERN = r"^(run:[0-9a-f-]{36}|(session|agent|domain):[a-z0-9][a-z0-9-]{0,59})$"


class MemoryEntry(models.Model):
    """One value under a namespace and key. `version` grows by one with each write and is its ETag.

    `sensitivity` is the clearance of the agent that wrote it: whoever is cleared for less does not find it.
    `written_by` and `run` are its provenance. What has expired is not found, and is swept away later.
    """

    namespace = models.CharField(max_length=70)
    key = models.CharField(max_length=120)
    value = models.JSONField()
    size = models.PositiveIntegerField()
    version = models.PositiveIntegerField(default=1)
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices)
    written_by = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey("agents.Run", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()
    written_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["namespace", "key"]
        verbose_name_plural = "memory entries"
        indexes = [models.Index(fields=["expires_at"])]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "key"], name="memory_key_stands_once_in_its_namespace"),
            models.CheckConstraint(condition=Q(namespace__regex=NAMESPACE_PATTERN), name="memory_namespace_is_known"),
            models.CheckConstraint(condition=Q(version__gte=1), name="memory_versions_start_at_one"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.key}"
