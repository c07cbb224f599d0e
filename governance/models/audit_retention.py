"""How long payloads of events are kept, what must be kept regardless, and what was redacted; must not redact."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class RetentionRule(models.Model):
    """Payloads of events whose action is `action_prefix` or begins with it and a dot are kept for `days` days.

    The longest prefix that fits decides; the empty one fits every action. Without a rule nothing is redacted.
    """

    action_prefix = models.CharField(max_length=80, unique=True, blank=True)
    days = models.PositiveIntegerField()
    set_at = models.DateTimeField()
    set_by_label = models.CharField(max_length=200)

    class Meta:
        ordering = ["action_prefix"]
        constraints = [models.CheckConstraint(condition=Q(days__gte=1), name="retention_lasts_a_day")]

    def __str__(self) -> str:
        return f"{self.action_prefix or 'every action'}: {self.days} days"


class LegalHold(models.Model):
    """While it is not lifted, events that match all that is given keep their payload; what is empty matches any.

    The trigger that lets redactions through asks this table itself. Only the lifting is ever written to a row.
    """

    name = models.CharField(max_length=120, unique=True)
    reason = models.TextField()
    subject_type = models.CharField(max_length=40, blank=True)
    subject_id = models.CharField(max_length=200, blank=True)
    actor_kind = models.CharField(max_length=10, blank=True)
    actor_id = models.BigIntegerField(null=True, blank=True)
    action_prefix = models.CharField(max_length=80, blank=True)
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    placed_at = models.DateTimeField()
    placed_by_label = models.CharField(max_length=200)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by_label = models.CharField(max_length=200, blank=True)
    lifted_because = models.TextField(blank=True)

    class Meta:
        ordering = ["-placed_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="a_legal_hold_has_a_reason"),
            models.CheckConstraint(
                condition=Q(since__isnull=True) | Q(until__isnull=True) | Q(until__gt=F("since")),
                name="a_legal_hold_has_an_ordered_period",
            ),
        ]

    def __str__(self) -> str:
        return f"Legal hold {self.name}"


class AuditRedaction(models.Model):
    """One redaction: which events lost their labels, data and salt, when and under which rule. Rows are only added.

    `made_in` is the transaction, set by trigger: the ledger lets exactly these events be redacted in it alone, and
    the commit is refused without an event `governance.audit.redacted` about it.
    """

    action_prefix = models.CharField(max_length=80, blank=True)
    days = models.PositiveIntegerField()
    recorded_before = models.DateTimeField()
    sequences = ArrayField(models.BigIntegerField())
    redacted_at = models.DateTimeField()
    redacted_by_label = models.CharField(max_length=200)
    made_in = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Redaction {self.pk} of {len(self.sequences)} events"
