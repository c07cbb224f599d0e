"""Findings: what a detector saw to be wrong, with its evidence, until somebody mends it; must not detect anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from context.models import ContextItem, Sensitivity, visible_items

if TYPE_CHECKING:
    from datetime import datetime

    from context.access import Principal

DIGEST_PATTERN = r"^[0-9a-f]{64}$"
# Who sees the findings of a domain that are about no item: those who answer for it or oversee it.
OVERSEEING_ROLES = ("steward", "domain_owner", "auditor", "administrator")


class FindingState(models.TextChoices):
    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"
    DISMISSED = "dismissed", "Dismissed"

    @classmethod
    def open_states(cls) -> tuple[FindingState, ...]:
        return (cls.OPEN, cls.ACKNOWLEDGED)


class Severity(models.IntegerChoices):
    LOW = 1, "low"
    MEDIUM = 2, "medium"
    HIGH = 3, "high"
    CRITICAL = 4, "critical"


class FindingQuerySet(models.QuerySet["Finding"]):
    def visible_to(self, principal: Principal) -> Self:
        """Findings about items the principal may know of; those about none for who answers for the domain."""
        if principal.kind == "system":
            return self
        about_item = Q(item__isnull=False) & visible_items(principal, prefix="item__") & self._all_concerned(principal)
        if principal.kind != "person":
            return self.filter(about_item, sensitivity__lte=principal.clearance)
        held = {domain for role, domain in principal.roles if role in OVERSEEING_ROLES}
        overseen = Q(domain_id__in=[domain for domain in held if domain is not None])
        if None in held:
            # Not an empty Q: joined to another condition by `|`, that would say nothing.
            overseen = Q(pk__isnull=False)
        about_none = Q(item__isnull=True) & (Q(owner_id=principal.id) | overseen)
        return self.filter(about_item | about_none, sensitivity__lte=principal.clearance)

    def _all_concerned(self, principal: Principal) -> Q:
        """Every item whose text the evidence shows is the principal's to know."""
        # Counted over those one may see: a hidden item is not there to be found, for the database least of all.
        visible = ContextItem.objects.visible_to(principal).values("pk")
        concerned = self.model.concerned.through._default_manager.filter(finding_id=OuterRef("pk"))
        return ~Q(Exists(concerned.exclude(contextitem_id__in=visible)))

    def unsettled(self) -> Self:
        """Open or acknowledged: somebody still has to do something."""
        return self.filter(state__in=FindingState.open_states())

    def awaiting(self, at: datetime) -> Self:
        """Unsettled and not set aside as an exception for the time being."""
        return self.unsettled().filter(Q(excepted_until__isnull=True) | Q(excepted_until__lte=at))


class Finding(models.Model):
    """One cause, found by one detector.

    `fingerprint` names the cause (at most one unsettled finding has it), `evidence_digest` what was seen of it, so
    that a dismissal holds until something else is seen. `subject_*` outlives what it names; `item` is set where the
    subject is an item, and `concerned` has it with all whose text the evidence shows. `proposal` says how it may be
    mended (governance/drift/drafts.py). Triggers refuse deletion and any change of what was found.
    """

    detector = models.CharField(max_length=40)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.MEDIUM)
    subject_type = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=200)
    subject_label = models.CharField(max_length=300)
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices, default=Sensitivity.INTERNAL)
    item = models.ForeignKey(
        "context.ContextItem", on_delete=models.PROTECT, null=True, blank=True, related_name="findings"
    )
    domain = models.ForeignKey(
        "context.Domain", on_delete=models.PROTECT, null=True, blank=True, related_name="findings"
    )
    concerned = models.ManyToManyField("context.ContextItem", blank=True, related_name="concerned_by")
    summary = models.CharField(max_length=500)
    evidence = models.JSONField(default=dict)
    proposal = models.JSONField(null=True, blank=True)
    evidence_digest = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=FindingState.choices, default=FindingState.OPEN)
    reason = models.TextField(blank=True)
    owner = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="findings")
    due_at = models.DateTimeField(null=True, blank=True)
    excepted_until = models.DateTimeField(null=True, blank=True)
    remedy = models.ForeignKey(
        "governance.Change", on_delete=models.PROTECT, null=True, blank=True, related_name="findings"
    )
    resolved_by_version = models.PositiveIntegerField(null=True, blank=True)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    times_opened = models.PositiveIntegerField(default=1)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        "context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    row_version = models.PositiveIntegerField(default=1)

    objects = FindingQuerySet.as_manager()

    class Meta:
        ordering = ["-severity", "due_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint"],
                condition=Q(state__in=["open", "acknowledged"]),
                name="one_unsettled_finding_per_cause",
            ),
            models.CheckConstraint(condition=Q(state__in=FindingState.values), name="finding_state_is_known"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="finding_severity_is_known"),
            models.CheckConstraint(
                condition=Q(fingerprint__regex=DIGEST_PATTERN) & Q(evidence_digest__regex=DIGEST_PATTERN),
                name="finding_has_its_digests",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "acknowledged"], closed_at__isnull=True)
                | (Q(state__in=["resolved", "dismissed"], closed_at__isnull=False) & ~Q(reason="")),
                name="a_settled_finding_says_when_and_why",
            ),
            models.CheckConstraint(
                condition=~Q(state="acknowledged") | Q(acknowledged_at__isnull=False),
                name="an_acknowledged_finding_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "detector"]),
            models.Index(fields=["subject_type", "subject_id"]),
            models.Index(fields=["fingerprint"]),
            models.Index(fields=["owner", "state"]),
        ]

    def __str__(self) -> str:
        return f"{self.detector}: {self.subject_label}"

    @property
    def etag(self) -> str:
        return f'"finding-{self.pk}-{self.row_version}"'
