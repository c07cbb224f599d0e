"""Work in progress: autosaved forms, and who has one open; never part of the record."""

from __future__ import annotations

from django.db import models


class Autosave(models.Model):
    """What a person has typed into the form of one item and not saved; one per person and subject."""

    user = models.ForeignKey("context.User", on_delete=models.CASCADE, related_name="+")
    subject = models.CharField(max_length=250)
    form = models.JSONField()
    base_version = models.PositiveIntegerField(null=True, blank=True)
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "subject"], name="one_autosave_per_person_and_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.subject}"


class Presence(models.Model):
    """A person has the form of an item open; `seen_at` is the last sign of life."""

    user = models.ForeignKey("context.User", on_delete=models.CASCADE, related_name="+")
    subject = models.CharField(max_length=250)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "subject"], name="one_presence_per_person_and_subject"),
        ]
        indexes = [models.Index(fields=["subject", "seen_at"])]

    def __str__(self) -> str:
        return f"{self.user} at {self.subject}"
