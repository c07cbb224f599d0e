"""What agents and reviewers say of the context they were given; rows grow only in how often they were said."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from agents.models.registry import DIGEST_PATTERN
from context.models import Sensitivity


class FeedbackKind(models.TextChoices):
    GAP = "gap", "Something is missing"
    CONTRADICTION = "contradiction", "Two texts contradict each other"
    CORRECTION = "correction", "A text is wrong"
    OUTCOME = "outcome", "How it went"


class FeedbackState(models.TextChoices):
    """An echo only repeats what was served: it is kept, counted, and becomes nothing."""

    NOTED = "noted", "Noted"
    ECHO = "echo", "Repeats what was served"


class Feedback(models.Model):
    """One thing said, however often: `fingerprint` is of its kind, what it is about and its words.

    `served_share` is the share of its words that stand in texts which were served to who says it; `echoes` are those
    texts. `finding_id` is the number of the finding that it opened.
    """

    fingerprint = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=14, choices=FeedbackKind.choices)
    state = models.CharField(max_length=6, choices=FeedbackState.choices)
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, null=True, blank=True, related_name="feedback")
    person = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    item = models.ForeignKey("context.ContextItem", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    other_item = models.ForeignKey(
        "context.ContextItem", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    contract = models.ForeignKey(
        "agents.ContextContract", on_delete=models.PROTECT, null=True, blank=True, related_name="feedback"
    )
    run = models.ForeignKey("agents.Run", on_delete=models.PROTECT, null=True, blank=True, related_name="feedback")
    text = models.TextField()
    proposal = models.TextField(blank=True)
    outcome = models.CharField(max_length=20, blank=True)
    served_share = models.FloatField(default=0)
    echoes = models.JSONField(default=list, blank=True)
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices)
    finding_id = models.BigIntegerField(null=True, blank=True)
    times = models.PositiveIntegerField(default=1)
    first_said_at = models.DateTimeField()
    last_said_at = models.DateTimeField()

    class Meta:
        ordering = ["-last_said_at", "-id"]
        verbose_name_plural = "feedback"
        indexes = [models.Index(fields=["kind", "last_said_at"])]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=FeedbackKind.values), name="feedback_kind_is_known"),
            models.CheckConstraint(
                condition=Q(agent__isnull=False) | Q(person__isnull=False), name="feedback_is_somebodys"
            ),
            models.CheckConstraint(condition=Q(fingerprint__regex=DIGEST_PATTERN), name="feedback_has_a_fingerprint"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.text[:60]}"


class TextPrint(models.Model):
    """The winnowed fingerprints of a published version, by which its words are known again wherever they come from."""

    version = models.OneToOneField("context.ContextVersion", on_delete=models.CASCADE, primary_key=True)
    prints = ArrayField(models.BigIntegerField())

    class Meta:
        indexes = [GinIndex(fields=["prints"], name="text_known_by_its_prints")]

    def __str__(self) -> str:
        return f"prints of version {self.version_id}"
