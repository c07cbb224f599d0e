"""Ratifications: what two people say afterwards of a change that was published in an emergency; never changed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class RatificationVerdict(models.TextChoices):
    RATIFY = "ratify", "Ratify"
    OBJECT = "object", "Object"


class Ratification(models.Model):
    """One person's verdict. Triggers refuse one by an editor of the change or by whoever published it."""

    change = models.ForeignKey("governance.Change", on_delete=models.PROTECT, related_name="ratifications")
    person = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")
    person_label = models.CharField(max_length=200)
    verdict = models.CharField(max_length=10, choices=RatificationVerdict.choices)
    comment = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["change", "person"], name="one_ratification_per_person"),
            models.CheckConstraint(condition=Q(verdict="ratify") | ~Q(comment=""), name="an_objection_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.person_label}: {self.get_verdict_display()} change {self.change_id}"
