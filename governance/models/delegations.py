"""Delegations: one person decides in another's place between two dates; must not decide anything."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import Combinable


class DelegationQuerySet(models.QuerySet["Delegation"]):
    def active(self, at: datetime | Combinable) -> Self:
        """Those that hold at that moment, between people who are both still here."""
        return self.filter(
            from_at__lte=at,
            until_at__gt=at,
            revoked_at__isnull=True,
            from_person__is_active=True,
            to_person__is_active=True,
        )


class Delegation(models.Model):
    """From `from_at` until `until_at`, `to_person` may approve what `from_person` might, in `domain` or everywhere.

    Only the end may be set afterwards, once (`revoked_at`); a trigger refuses everything else.
    """

    from_person = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="delegations_given")
    to_person = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="delegations_held")
    domain = models.ForeignKey("context.Domain", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()
    reason = models.TextField()
    created_by = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = DelegationQuerySet.as_manager()

    class Meta:
        ordering = ["-from_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(from_person=F("to_person")), name="nobody_delegates_to_themselves"),
            models.CheckConstraint(condition=Q(until_at__gt=F("from_at")), name="delegation_ends_after_it_begins"),
            models.CheckConstraint(condition=~Q(reason=""), name="a_delegation_says_why"),
            # Nobody hands on, by way of an administrator, what is somebody else's to themselves.
            models.CheckConstraint(
                condition=Q(created_by=F("from_person")) | ~Q(created_by=F("to_person")),
                name="nobody_takes_a_delegation",
            ),
        ]
        indexes = [models.Index(fields=["to_person", "until_at"])]

    def __str__(self) -> str:
        return f"{self.to_person} for {self.from_person} until {self.until_at:%Y-%m-%d}"
