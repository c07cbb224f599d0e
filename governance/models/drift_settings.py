"""How detectors are tuned for a domain, and how people judged what they found; must not decide what is a finding."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from governance.models.findings import DIGEST_PATTERN, Severity


class DetectorSetting(models.Model):
    """What holds for one detector in one domain and below it, or (without one) everywhere; the nearest wins.

    `options` holds the thresholds that differ from the detector's own; `severity` is given to its findings outright;
    with `hold_back`, items with a grave finding are kept out of contracts that demand verified context.
    """

    detector = models.CharField(max_length=40)
    domain = models.ForeignKey("context.Domain", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    enabled = models.BooleanField(default=True)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, null=True, blank=True)
    hold_back = models.BooleanField(default=False)
    options = models.JSONField(default=dict, blank=True)
    history: ClassVar[HistoricalRecords] = HistoricalRecords()

    class Meta:
        ordering = ["detector", "domain_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["detector", "domain"], nulls_distinct=False, name="one_setting_per_detector_and_domain"
            ),
            models.CheckConstraint(
                condition=Q(severity__isnull=True) | Q(severity__in=Severity.values),
                name="set_severity_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.detector} in {self.domain or 'every domain'}"


class Judgement(models.Model):
    """What a person made of a finding as it stood then: right or wrong. Rows are only added; the last one counts."""

    finding = models.ForeignKey("governance.Finding", on_delete=models.PROTECT, related_name="judgements")
    evidence_digest = models.CharField(max_length=64)
    right = models.BooleanField()
    person = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")
    judged_at = models.DateTimeField()

    class Meta:
        ordering = ["-judged_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(evidence_digest__regex=DIGEST_PATTERN), name="judgement_has_a_digest"),
        ]
        indexes = [models.Index(fields=["finding", "evidence_digest", "-id"])]

    def __str__(self) -> str:
        return f"{self.finding_id}: {'right' if self.right else 'wrong'}"
