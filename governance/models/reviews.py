"""Reviews: one person's decision on one exact digest of a change; must not change once written."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class Decision(models.TextChoices):
    APPROVE = "approve", "Approve"
    REQUEST_CHANGES = "request_changes", "Request changes"
    REJECT = "reject", "Reject"


class Review(models.Model):
    """A decision. `stages` lists the tokens of the approval stages that it counts for, judged when it was made.

    `receipt` is the decision as a document of its own, and `signature` the installation's Ed25519 signature of its
    canonical JSON, so that it can be verified without the database.

    Triggers refuse a review by anyone who edited the change, one on another digest than the change's, and any
    later UPDATE or DELETE.
    """

    change = models.ForeignKey("governance.Change", on_delete=models.PROTECT, related_name="reviews")
    reviewer = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="reviews")
    reviewer_label = models.CharField(max_length=200)
    on_behalf_of = models.ForeignKey(
        "context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="reviews_by_delegates"
    )
    on_behalf_of_label = models.CharField(max_length=200, blank=True)
    decision = models.CharField(max_length=16, choices=Decision.choices)
    comment = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    stages = models.JSONField(default=list)
    created_at = models.DateTimeField()
    receipt = models.JSONField(default=dict)
    signature = models.CharField(max_length=100, blank=True)
    key_id = models.CharField(max_length=16, blank=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["change", "digest", "reviewer"],
                condition=Q(decision="approve"),
                name="one_approval_per_person_and_digest",
            ),
            models.CheckConstraint(condition=Q(decision="approve") | ~Q(comment=""), name="a_refusal_says_why"),
            models.CheckConstraint(
                condition=Q(on_behalf_of__isnull=True) | ~Q(on_behalf_of=F("reviewer")),
                name="nobody_stands_in_for_themselves",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer_label}: {self.get_decision_display()} change {self.change_id}"
