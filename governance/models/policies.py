"""Approval policies: who must approve what, in which order; must not decide on a change."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from context.models import Role, Sensitivity


class ApprovalPolicy(models.Model):
    """Applies to edits of this record and kind, in this domain or below, at this sensitivity; what is empty is any.

    `record` is "item" or the name of a kind of governed record; `kind` is of items alone.
    """

    name = models.CharField(max_length=120, unique=True)
    record = models.CharField(
        max_length=30, blank=True, default="", help_text="item, or such as contract; empty: any of them."
    )
    kind = models.ForeignKey("context.Kind", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    domain = models.ForeignKey("context.Domain", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices, null=True, blank=True)
    history: ClassVar[HistoricalRecords] = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "approval policies"
        constraints = [
            models.UniqueConstraint(
                fields=["record", "kind", "domain", "sensitivity"],
                nulls_distinct=False,
                name="one_policy_per_combination",
            ),
            models.CheckConstraint(
                condition=Q(kind__isnull=True) | Q(record__in=["", "item"]), name="policy_by_kind_is_for_items"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApproverRule(models.TextChoices):
    GROUP = "group", "Anyone in a group"
    PERSON = "person", "A named person"
    DOMAIN_OWNER = "domain_owner", "The owner of the item's domain"
    ITEM_OWNER = "item_owner", "The owner of the item"
    ROLE = "role", "Anyone with a role in the item's domain"


class ApprovalStage(models.Model):
    """One step of a policy: enough distinct people of one sort must approve before the next step counts."""

    policy = models.ForeignKey(ApprovalPolicy, on_delete=models.CASCADE, related_name="stages")
    order = models.PositiveSmallIntegerField(default=1)
    name = models.CharField(max_length=120)
    approvers = models.CharField(max_length=16, choices=ApproverRule.choices, default=ApproverRule.ROLE)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    person = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.APPROVER)
    people_required = models.PositiveSmallIntegerField(default=1)
    due_in_days = models.PositiveSmallIntegerField(default=5)
    history: ClassVar[HistoricalRecords] = HistoricalRecords()

    class Meta:
        ordering = ["policy_id", "order"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "order"], name="stages_are_ordered"),
            models.CheckConstraint(condition=Q(people_required__gte=1), name="a_stage_needs_somebody"),
            models.CheckConstraint(
                condition=~Q(approvers="group") | Q(group__isnull=False), name="a_group_stage_names_its_group"
            ),
            models.CheckConstraint(
                condition=~Q(approvers="person") | Q(person__isnull=False), name="a_person_stage_names_them"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy}: {self.order}. {self.name}"
