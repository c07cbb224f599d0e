"""Contracts: what an agent's task needs of the context, in immutable versions; must not resolve requirements.

Both tables are written only while a change is published: triggers guard them as they guard context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from simple_history.models import HistoricalRecords

from agents.models.registry import DIGEST_PATTERN
from context.models import Sensitivity
from context.models.domains import SLUG_PATTERN
from context.tokens import DEFAULT_TOKENIZER
from governance.models.changes import GOVERNING_ROLES

if TYPE_CHECKING:
    from context.access import Principal


class WhenIncomplete(models.TextChoices):
    """What a bundle request answers when a required requirement is not met."""

    REFUSE = "refuse", "Refuse"
    SERVE_WITH_GAPS = "serve_with_gaps", "Serve with gaps"
    ESCALATE = "escalate", "Refuse and ask a person"


class ContextContractQuerySet(models.QuerySet["ContextContract"]):
    def visible_to(self, principal: Principal) -> Self:
        """An agent's own; for people those they own, steward or whose agents hold them, and those of a domain in which
        they have a part. Nobody's above their clearance.
        """
        if principal.kind == "system":
            return self
        if principal.kind == "agent":
            return self.filter(agents=principal.id, retired_at__isnull=True)
        within = self.filter(sensitivity__lte=principal.clearance)
        if any(role in GOVERNING_ROLES and domain_id is None for role, domain_id in principal.roles):
            return within
        domains = sorted({domain for role, domain in principal.roles if domain and role in GOVERNING_ROLES})
        stewards = ContextContract.stewards.through._default_manager.filter(
            contextcontract_id=OuterRef("pk"), user_id=principal.id
        )
        holders = ContextContract.agents.through._default_manager.filter(
            contextcontract_id=OuterRef("pk"), agent__owner_id=principal.id
        )
        part = Q(owner=principal.id) | Q(domain_id__in=domains) | Q(Exists(stewards)) | Q(Exists(holders))
        return within.filter(part)


class ContextContract(models.Model):
    """The name under which agents ask for a bundle. What it promises stands in its current version.

    The other columns repeat what that version says of the contract itself. A retired contract is served to nobody.
    """

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    purpose = models.TextField(blank=True)
    owner = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="contracts")
    stewards = models.ManyToManyField("context.User", blank=True, related_name="stewarded_contracts")
    domain = models.ForeignKey(
        "context.Domain", on_delete=models.PROTECT, null=True, blank=True, related_name="contracts"
    )
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices, default=Sensitivity.INTERNAL)
    retired_at = models.DateTimeField(null=True, blank=True)
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
    """One published state of a contract; triggers refuse UPDATE, DELETE and TRUNCATE, and INSERT but by a change.

    `requirements` and `output_checks` have the shapes of `agents/contract_shapes.py`; `token_budget` counts tokens of
    `tokenizer`; `metadata` is what it says of the contract itself (name, purpose, owner, stewards, domain,
    sensitivity); `digest` is SHA-256 over the canonical JSON of all that it says.
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
    escalation_days = models.PositiveSmallIntegerField(default=5)
    metadata = models.JSONField(default=dict)
    change_number = models.PositiveBigIntegerField()
    author_label = models.CharField(max_length=200)
    approvals = models.JSONField(default=list)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["contract_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "number"], name="contract_version_numbered_once"),
            models.UniqueConstraint(
                fields=["contract", "change_number"], name="change_makes_one_version_of_a_contract"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="contract_versions_start_at_one"),
            models.CheckConstraint(condition=Q(token_budget__gte=1), name="contract_budget_is_positive"),
            models.CheckConstraint(condition=Q(digest__regex=DIGEST_PATTERN), name="contract_version_has_a_digest"),
            models.CheckConstraint(
                condition=Q(when_incomplete__in=WhenIncomplete.values), name="contract_says_what_when_incomplete"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} (version {self.number})"
