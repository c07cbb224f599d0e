"""Scans for drift: what was asked, the shards of work it was cut into, and how far looking has got; must not look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from governance.models.findings import DIGEST_PATTERN, OVERSEEING_ROLES

if TYPE_CHECKING:
    from context.access import Principal


class ScanState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    INCOMPLETE = "incomplete", "Ended, with parts that failed"

    @classmethod
    def open_states(cls) -> tuple[ScanState, ...]:
        return (cls.WAITING, cls.RUNNING)


class ScanQuerySet(models.QuerySet["Scan"]):
    def visible_to(self, principal: Principal) -> Self:
        """For those who answer for a domain or oversee one: of all domains, and of those they reach."""
        if principal.kind == "system":
            return self
        held = {domain for role, domain in principal.roles if role in OVERSEEING_ROLES}
        if principal.kind != "person" or not held:
            return self.none()
        return self if None in held else self.filter(Q(domain__isnull=True) | Q(domain_id__in=held))


class Scan(models.Model):
    """One look at the context, by some detectors, in one domain and below it or in all.

    `ledger_sequence` is the last event that was known when it was planned: the next incremental scan takes up from
    there. What is found stands in findings; here is only how the work went.
    """

    full = models.BooleanField(default=False)
    domain = models.ForeignKey("context.Domain", on_delete=models.PROTECT, null=True, blank=True, related_name="scans")
    detectors = ArrayField(models.CharField(max_length=40))
    state = models.CharField(max_length=12, choices=ScanState.choices, default=ScanState.WAITING)
    requested_by = models.ForeignKey(
        "context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="scans"
    )
    requested_at = models.DateTimeField()
    planned_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    ledger_sequence = models.PositiveBigIntegerField(null=True, blank=True)
    items = models.PositiveIntegerField(default=0)
    # What becomes of the marks once it is done: [detector, domain or null, judged by].
    marks = models.JSONField(default=list)

    objects = ScanQuerySet.as_manager()

    class Meta:
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ScanState.values), name="scan_state_is_known"),
            models.CheckConstraint(
                condition=Q(state="waiting", planned_at__isnull=True)
                | (~Q(state="waiting") & Q(planned_at__isnull=False, ledger_sequence__isnull=False)),
                name="a_planned_scan_says_from_where",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running"], finished_at__isnull=True)
                | Q(state__in=["done", "incomplete"], finished_at__isnull=False),
                name="a_finished_scan_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state__in=["waiting", "running"]), name="scan_unfinished"),
            models.Index(fields=["-requested_at"]),
        ]

    def __str__(self) -> str:
        return f"scan {self.pk}"


class ShardState(models.TextChoices):
    PENDING = "pending", "Pending"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class ScanShard(models.Model):
    """A part of a scan that is done in one transaction, together with what it found, or not at all.

    One detector; a domain, or none where it looks at all; the items given, or with `item_ids` null those whose ids lie
    after `after_id` up to `until_id`. `attempts` counts beginnings: one that keeps failing is given up.
    """

    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="shards")
    detector = models.CharField(max_length=40)
    domain = models.ForeignKey("context.Domain", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    item_ids = ArrayField(models.BigIntegerField(), null=True, blank=True)
    after_id = models.BigIntegerField(default=0)
    until_id = models.BigIntegerField(default=0)
    state = models.CharField(max_length=8, choices=ShardState.choices, default=ShardState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    items = models.PositiveIntegerField(default=0)
    opened = models.PositiveIntegerField(default=0)
    reopened = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    resolved = models.PositiveIntegerField(default=0)
    standing = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ShardState.values), name="shard_state_is_known"),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(error=""), name="a_failed_shard_says_what_happened"
            ),
        ]
        indexes = [
            models.Index(fields=["scan", "id"], condition=Q(state="pending"), name="shard_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.detector} of {self.scan}"


class ScanMark(models.Model):
    """How far a detector has looked in a domain (none: over all): the ledger up to there, the clock up to there.

    `judged_by` is a digest of the detector's version and its options: where it differs, everything is looked at anew.
    """

    detector = models.CharField(max_length=40)
    domain = models.ForeignKey("context.Domain", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    ledger_sequence = models.PositiveBigIntegerField()
    looked_at = models.DateTimeField()
    judged_by = models.CharField(max_length=64)

    class Meta:
        ordering = ["detector", "domain_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["detector", "domain"], nulls_distinct=False, name="one_scan_mark_per_detector_and_domain"
            ),
            models.CheckConstraint(condition=Q(judged_by__regex=DIGEST_PATTERN), name="scan_mark_has_a_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.detector} up to event {self.ledger_sequence}"
