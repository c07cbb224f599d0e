"""Agents and the keys they present; must not decide what a key may do (authentication.py) or mint one (keys.py)."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from context.models import Sensitivity
from context.models.domains import SLUG_PATTERN

DIGEST_PATTERN = r"^[0-9a-f]{64}$"


class AgentState(models.TextChoices):
    SANCTIONED = "sanctioned", "Sanctioned"
    SUSPENDED = "suspended", "Suspended"
    UNKNOWN = "unknown", "Unknown"


class Scope(models.TextChoices):
    """What a key may be used for: a closed set. None of them approves, publishes, grants or mints keys."""

    BUNDLES_READ = "bundles:read", "Fetch bundles of its contracts"
    CONTEXT_READ = "context:read", "Read items and contracts"
    SEARCH_READ = "search:read", "Search"
    FEEDBACK_WRITE = "feedback:write", "Report gaps, contradictions and outcomes"
    RUNS_WRITE = "runs:write", "Start, claim and complete runs"
    MEMORY_WRITE = "memory:write", "Remember and recall"


class Agent(models.Model):
    """A consumer of context. Reads inside `domains` (and below), up to `clearance`, in its `audiences`.

    No domain means that it reads nothing: an agent's reach is always spelled out.
    """

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    purpose = models.TextField()
    owner = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="agents")
    domains = models.ManyToManyField("context.Domain", blank=True, related_name="agents")
    clearance = models.PositiveSmallIntegerField(choices=Sensitivity.choices, default=Sensitivity.INTERNAL)
    audiences = models.ManyToManyField(Group, blank=True, related_name="agents")
    state = models.CharField(max_length=12, choices=AgentState.choices, default=AgentState.SANCTIONED)
    contracts = models.ManyToManyField("agents.ContextContract", blank=True, related_name="agents")
    endpoint = models.ForeignKey(
        "agents.ModelEndpoint", on_delete=models.PROTECT, null=True, blank=True, related_name="agents"
    )
    capabilities = ArrayField(models.SlugField(max_length=40), default=list, blank=True)
    # How its programs name themselves: the beginning of their User-Agent, or their MCP client name.
    programs = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    created_at = models.DateTimeField()
    history: ClassVar[HistoricalRecords] = HistoricalRecords(m2m_fields=[domains, audiences, contracts])

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(slug__regex=SLUG_PATTERN), name="agent_slug_is_plain"),
            models.CheckConstraint(
                condition=Q(clearance__lte=Sensitivity.RESTRICTED), name="agent_clearance_is_a_level"
            ),
            models.CheckConstraint(condition=Q(state__in=AgentState.values), name="agent_state_is_known"),
        ]

    def __str__(self) -> str:
        return self.name


class AgentKey(models.Model):
    """`plk_<prefix>_<secret>`, of which only the SHA-256 of the secret is kept.

    A rotated key keeps working until `grace_until`. Triggers refuse to change whose key it is, its secret or its
    scopes, to lift a revocation, to put off an end, and to delete it.
    """

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, unique=True)
    secret_sha256 = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices))
    created_by = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    replaced_by = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaces")
    grace_until = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(secret_sha256__regex=DIGEST_PATTERN), name="key_holds_only_a_hash"),
            models.CheckConstraint(condition=Q(scopes__contained_by=Scope.values), name="key_scopes_are_known"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="key_ends_after_it_begins"),
            models.CheckConstraint(
                condition=Q(replaced_by__isnull=True, grace_until__isnull=True)
                | Q(replaced_by__isnull=False, grace_until__isnull=False),
                name="rotated_key_has_a_grace",
            ),
        ]

    def __str__(self) -> str:
        return f"plk_{self.prefix}_… of {self.agent}"
