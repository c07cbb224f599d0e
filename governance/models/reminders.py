"""What was reminded of and to whom, so that nobody is reminded twice; rows are only added (triggers)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ReminderStep(models.TextChoices):
    SOON = "soon", "Due soon"
    DUE = "due", "Due"
    ESCALATED = "escalated", "Escalated"


class Reminder(models.Model):
    """One reminder of one deadline to one person. `due_at` is part of what it is: a new deadline reminds anew."""

    subject_type = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=200)
    due_at = models.DateTimeField()
    step = models.CharField(max_length=10, choices=ReminderStep.choices)
    person = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")
    reminded_at = models.DateTimeField()

    class Meta:
        ordering = ["-reminded_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "subject_type", "subject_id", "due_at", "step"], name="reminded_once"
            ),
            models.CheckConstraint(condition=Q(step__in=ReminderStep.values), name="reminder_step_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.subject_type} {self.subject_id} {self.step}"
