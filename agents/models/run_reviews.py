"""What people said of outputs and of runs that waited for them; rows are only added (triggers)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from agents.models.runs import Run


class RunReviewDecision(models.TextChoices):
    APPROVE = "approve", "Approve"
    EDIT = "edit", "Edit"
    REJECT = "reject", "Reject"
    SEND_BACK = "send_back", "Send back"
    REASSIGN = "reassign", "Give to another agent"


class RunReview(models.Model):
    """One decision of one person on exactly one output (`output_digest`, empty where there was none yet).

    `waited_since` is when the run came to wait for it.
    """

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="reviews")
    reviewer = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=10, choices=RunReviewDecision.choices)
    comment = models.CharField(max_length=2_000, blank=True)
    output_digest = models.CharField(max_length=64, blank=True)
    edited_digest = models.CharField(max_length=64, blank=True)
    waited_since = models.DateTimeField(null=True, blank=True)
    reviewed_at = models.DateTimeField()

    class Meta:
        ordering = ["run_id", "id"]
        indexes = [models.Index(fields=["reviewed_at"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision__in=RunReviewDecision.values), name="run_review_decision_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_decision_display()} of {self.run_id}"
