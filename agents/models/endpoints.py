"""Model endpoints in immutable versions, of which one is in use; must not call one or know its secret."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from agents.models.registry import DIGEST_PATTERN
from context.models.domains import SLUG_PATTERN


class EndpointState(models.TextChoices):
    REGISTERED = "registered", "Registered"
    PROMOTED = "promoted", "In use"
    SUSPENDED = "suspended", "Suspended"
    REPLACED = "replaced", "Replaced"


class Health(models.TextChoices):
    HEALTHY = "healthy", "Healthy"
    DEGRADED = "degraded", "Degraded"
    DOWN = "down", "Down"
    UNKNOWN = "unknown", "Unknown"


class Latency(models.TextChoices):
    INTERACTIVE = "interactive", "Answers while one waits"
    STANDARD = "standard", "Answers within a minute"
    BATCH = "batch", "Answers when it can"
    UNKNOWN = "unknown", "Not known"


class ModelEndpoint(models.Model):
    """Where a model answers. `current_version` is the one that was promoted; agents use that.

    `base_url` is of an OpenAI-compatible API, empty where agents call the model by themselves; `credential` names the
    environment variable that holds its key, never the key.
    """

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    provider = models.CharField(max_length=80)
    owner = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="endpoints")
    base_url = models.CharField(max_length=500, blank=True)
    credential = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=12, choices=EndpointState.choices, default=EndpointState.REGISTERED)
    health = models.CharField(max_length=10, choices=Health.choices, default=Health.UNKNOWN)
    health_noted_at = models.DateTimeField(null=True, blank=True)
    current_version = models.ForeignKey(
        "agents.EndpointVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    replaced_by = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaces")
    created_at = models.DateTimeField()
    history: ClassVar[HistoricalRecords] = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(slug__regex=SLUG_PATTERN), name="endpoint_slug_is_plain"),
            models.CheckConstraint(condition=Q(state__in=EndpointState.values), name="endpoint_state_is_known"),
            models.CheckConstraint(condition=Q(health__in=Health.values), name="endpoint_health_is_known"),
            models.CheckConstraint(
                condition=~Q(state="promoted") | Q(current_version__isnull=False), name="endpoint_in_use_has_a_version"
            ),
            models.CheckConstraint(
                condition=~Q(state="replaced") | Q(replaced_by__isnull=False), name="replaced_endpoint_names_another"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EndpointVersion(models.Model):
    """One model of the endpoint, with its price per million tokens; triggers refuse UPDATE, DELETE and TRUNCATE."""

    endpoint = models.ForeignKey(ModelEndpoint, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    model = models.CharField(max_length=120)
    capabilities = ArrayField(models.SlugField(max_length=40), default=list, blank=True)
    price_in = models.DecimalField(max_digits=12, decimal_places=6)
    price_out = models.DecimalField(max_digits=12, decimal_places=6)
    currency = models.CharField(max_length=3, default="USD")
    latency = models.CharField(max_length=12, choices=Latency.choices, default=Latency.UNKNOWN)
    context_window = models.PositiveIntegerField(null=True, blank=True)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["endpoint_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "number"], name="endpoint_version_numbered_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="endpoint_versions_start_at_one"),
            models.CheckConstraint(condition=Q(price_in__gte=0, price_out__gte=0), name="endpoint_prices_are_real"),
            models.CheckConstraint(condition=Q(digest__regex=DIGEST_PATTERN), name="endpoint_version_has_a_digest"),
            models.CheckConstraint(condition=Q(latency__in=Latency.values), name="endpoint_latency_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} (version {self.number})"
