"""Contracts: what an agent's task needs of the context, in immutable versions; must not resolve requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from agents.models.registry import DIGEST_PATTERN
from context.models.domains import SLUG_PATTERN
from context.tokens import DEFAULT_TOKENIZER

if TYPE_CHECKING:
    from context.access import Principal


class WhenIncomplete(models.TextChoices):
    """What a bundle request answers when a required requirement is not met."""

    REFUSE = "refuse", "Refuse"
    SERVE_WITH_GAPS = "serve_with_gaps", "Serve with gaps"
    ESCALATE = "escalate", "Refuse and ask a person"


class ContextContractQuerySet(models.QuerySet["ContextContract"]):
    def visible_to(self, principal: Principal) -> Self:
        """An agent's own; for people those of their agents and their own; all for who administers or audits."""
        if principal.kind == "agent":
            return self.filter(agents=principal.id)
        if principal.kind == "system" or principal.has_role("administrator") or principal.has_role("auditor"):
            return self
        return self.filter(Q(owner=principal.id) | Q(agents__owner=principal.id)).distinct()


class ContextContract(models.Model):
    """The name under which agents ask for a bundle. What it promises stands in its current version."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    purpose = models.TextField(blank=True)
    owner = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="contracts")
    current_version = models.ForeignKey(
        "agents.ContractVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    history: ClassVar[HistoricalRecords] = HistoricalRecords()

    objects = ContextContractQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(slug__regex=SLUG_PATTERN), name="contract_slug_is_plain"),
        ]

    def __str__(self) -> str:
        return self.name


class ContractVersion(models.Model):
    """One saved state of a contract; triggers refuse UPDATE, DELETE and TRUNCATE.

    `requirements` has the shape of `agents/contracts.py`; `token_budget` counts tokens of `tokenizer`; `digest` is
    SHA-256 over the canonical JSON of all that it says.
    """

    contract = models.ForeignKey(ContextContract, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    requirements = models.JSONField(default=list)
    token_budget = models.PositiveIntegerField()
    tokenizer = models.CharField(max_length=40, default=DEFAULT_TOKENIZER)
    most_matches = models.PositiveSmallIntegerField(default=8)
    when_incomplete = models.CharField(max_length=16, choices=WhenIncomplete.choices, default=WhenIncomplete.REFUSE)
    task_schema = models.JSONField(null=True, blank=True)
    output_schema = models.JSONField(null=True, blank=True)
    output_checks = models.JSONField(default=list, blank=True)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["contract_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "number"], name="contract_version_numbered_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="contract_versions_start_at_one"),
            models.CheckConstraint(condition=Q(token_budget__gte=1), name="contract_budget_is_positive"),
            models.CheckConstraint(condition=Q(digest__regex=DIGEST_PATTERN), name="contract_version_has_a_digest"),
            models.CheckConstraint(
                condition=Q(when_incomplete__in=WhenIncomplete.values), name="contract_says_what_when_incomplete"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} (version {self.number})"
