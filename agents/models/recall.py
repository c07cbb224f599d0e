"""Recall cases: everything that used a version that turned out wrong, worked through one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from context.models import ContextItem, ContextVersion, Role

if TYPE_CHECKING:
    from context.access import Principal


class RecallCaseQuerySet(models.QuerySet["RecallCase"]):
    def visible_to(self, principal: Principal) -> Self:
        """Of texts they may read: all for who administers or audits, else those they answer for or whose agents had it.

        Agents see none.
        """
        if principal.kind != "person":
            return self if principal.kind == "system" else self.none()
        found = self.filter(version__in=ContextVersion.objects.visible_to(principal).values("pk"))
        if principal.has_role(Role.ADMINISTRATOR) or principal.has_role(Role.AUDITOR):
            return found
        had = RecallEntry.objects.filter(agent__owner=principal.id).values("case")
        return found.filter(Q(version__item__in=_answered_by(principal)) | Q(pk__in=had))


def _answered_by(principal: Principal) -> models.QuerySet[ContextItem]:
    """The items that the person answers for: as agents/recall/rights.py says it of one."""
    held = [domain_id for role, domain_id in principal.roles if role in (Role.STEWARD, "domain_owner")]
    part = Q(owner=principal.id) | Q(stewards=principal.id) | Q(domain__in=[each for each in held if each is not None])
    return ContextItem.objects.all() if None in held else ContextItem.objects.filter(part)


class RecallCase(models.Model):
    """Somebody asks what a version touched. It is closed once each of its entries is settled."""

    version = models.ForeignKey("context.ContextVersion", on_delete=models.PROTECT, related_name="recalls")
    reason = models.CharField(max_length=2_000)
    opened_by = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    closed_by = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = RecallCaseQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_by__isnull=True, closed_at__isnull=True)
                | Q(closed_by__isnull=False, closed_at__isnull=False),
                name="closed_recall_says_by_whom",
            ),
            models.UniqueConstraint(
                fields=["version"], condition=Q(closed_at__isnull=True), name="one_open_recall_a_version"
            ),
        ]

    def __str__(self) -> str:
        return f"recall of {self.version}"


class RecallEntryState(models.TextChoices):
    OPEN = "open", "Open"
    RERUN = "rerun", "Run again"
    ACCEPTED = "accepted", "Accepted as it is"


class RecallEntryQuerySet(models.QuerySet["RecallEntry"]):
    def visible_to(self, principal: Principal, case: RecallCase, *, answers: bool) -> Self:
        """Of one case: all for who answers for its text, administers or audits; else those of their own agents."""
        found = self.filter(case=case)
        if answers or principal.has_role(Role.ADMINISTRATOR) or principal.has_role(Role.AUDITOR):
            return found
        return found.filter(agent__owner=principal.id)


class RecallEntry(models.Model):
    """One run that was given the version, or one agent that received it outside a run (`run` is empty)."""

    case = models.ForeignKey(RecallCase, on_delete=models.PROTECT, related_name="entries")
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="recalled")
    run = models.ForeignKey("agents.Run", on_delete=models.PROTECT, null=True, blank=True, related_name="recalls")
    first_given_at = models.DateTimeField()
    last_given_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=8, choices=RecallEntryState.choices, default=RecallEntryState.OPEN)
    settled_by = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    settled_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=2_000, blank=True)
    new_run = models.ForeignKey("agents.Run", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    told_at = models.DateTimeField(null=True, blank=True)

    objects = RecallEntryQuerySet.as_manager()

    class Meta:
        ordering = ["case_id", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "agent", "run"], nulls_distinct=False, name="recall_names_a_run_or_agent_once"
            ),
            models.CheckConstraint(
                condition=Q(state="open", settled_at__isnull=True) | Q(settled_at__isnull=False),
                name="settled_recall_entry_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id or self.agent} in {self.case}"
