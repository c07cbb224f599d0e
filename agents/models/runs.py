"""Runs: one task on its way through agents; must not move a run from state to state (agents/runs/)."""

from __future__ import annotations

import secrets
import time
import uuid
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from agents.models.registry import DIGEST_PATTERN
from context.models import Sensitivity

if TYPE_CHECKING:
    from context.access import Principal


def time_ordered_uuid() -> uuid.UUID:
    """A version 7 UUID (RFC 9562): 48 bits of milliseconds, then random bits, so that ids sort by their making."""
    bits = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return uuid.UUID(int=bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


class RunState(models.TextChoices):
    """Where a run stands. The last four are final: triggers refuse to leave them."""

    QUEUED = "queued", "Waits for its agent"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    WAITS_FOR_CONTEXT = "waits_for_context", "Waits for context"
    WAITS_FOR_PERSON = "waits_for_person", "Waits for a person"
    IN_REVIEW = "in_review", "Output in review"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    REFUSED = "refused", "Refused"
    CANCELLED = "cancelled", "Cancelled"


FINAL_STATES = (RunState.SUCCEEDED, RunState.FAILED, RunState.REFUSED, RunState.CANCELLED)


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, principal: Principal) -> Self:
        """An agent's: those it asked for or has had. A person's: those they asked for and those of their agents.

        Of a run with texts above a person's clearance they see no more than that they asked for it (reading.py).
        """
        if principal.kind == "agent":
            asked = Q(requested_by_kind="agent", requested_by_id=principal.id)
            had = self.model.objects.filter(leases__agent=principal.id).values("pk")
            return self.filter(asked | Q(agent=principal.id) | Q(pk__in=had))
        if principal.kind == "system":
            return self
        asked = Q(requested_by_kind="person", requested_by_id=principal.id)
        readable = Q(sensitivity__lte=principal.clearance)
        if principal.has_role("administrator") or principal.has_role("auditor"):
            return self.filter(asked | readable)
        answers_for = Q(agent__owner=principal.id) | Q(contract_version__contract__owner=principal.id)
        return self.filter(asked | (readable & answers_for))


class Run(models.Model):
    """One task on its way. Everything that its agents read is read as known at `snapshot_at`.

    `sensitivity` is the highest of its bundles. `fallbacks` are the agents still to be tried, in order:
    `[{"agent": slug, "contract": slug}]`. Tokens are whole tokens, money is in the unit of the model endpoints' prices.
    `attempt` counts leases under the present agent, `times_to_person` how often it was left to people.
    """

    id = models.UUIDField(primary_key=True, default=time_ordered_uuid, editable=False)
    task_type = models.CharField(max_length=60)
    task = models.JSONField()
    task_digest = models.CharField(max_length=64)
    requested_by_kind = models.CharField(max_length=8)
    requested_by_id = models.BigIntegerField()
    requested_by_label = models.CharField(max_length=200)
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, null=True, blank=True, related_name="runs")
    contract_version = models.ForeignKey(
        "agents.ContractVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    domain = models.ForeignKey("context.Domain", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices, default=Sensitivity.PUBLIC)
    fallbacks = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=20, choices=RunState.choices, default=RunState.QUEUED)
    snapshot_at = models.DateTimeField()
    attempt = models.PositiveSmallIntegerField(default=0)
    most_attempts = models.PositiveSmallIntegerField(default=3)
    times_sent_back = models.PositiveSmallIntegerField(default=0)
    times_to_person = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    output = models.JSONField(null=True, blank=True)
    output_digest = models.CharField(max_length=64, blank=True)
    reasons = models.JSONField(default=list, blank=True)
    token_budget = models.PositiveBigIntegerField(null=True, blank=True)
    cost_budget = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost = models.DecimalField(max_digits=14, decimal_places=6, default=0)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(
                fields=["agent", "not_before", "created_at"],
                condition=Q(state="queued"),
                name="run_waiting_for_its_agent",
            ),
            models.Index(fields=["state", "changed_at"]),
            models.Index(fields=["requested_by_kind", "requested_by_id"]),
            # Key figures are summed from these two alone, without the rows and their tasks (agents/kpis/).
            models.Index(
                fields=["created_at"],
                include=["agent", "domain", "contract_version", "sensitivity", "requested_by_kind", "requested_by_id"],
                name="run_figures_by_start",
            ),
            models.Index(
                fields=["ended_at"],
                include=[
                    *("agent", "domain", "contract_version", "sensitivity", "requested_by_kind", "requested_by_id"),
                    *("state", "created_at", "cost", "input_tokens", "output_tokens"),
                    *("times_sent_back", "times_to_person", "id"),
                ],
                condition=Q(ended_at__isnull=False),
                name="run_figures_by_end",
            ),
            models.Index(
                fields=["ended_at"],
                condition=Q(reasons__contains=[{"cause": "output_check"}]),
                name="run_stopped_by_a_check",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="run_state_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=FINAL_STATES, ended_at__isnull=False)
                | (~Q(state__in=FINAL_STATES) & Q(ended_at__isnull=True)),
                name="run_has_ended_where_its_state_is_final",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["queued", "running"]) | Q(agent__isnull=False, contract_version__isnull=False),
                name="run_that_moves_has_an_agent",
            ),
            models.CheckConstraint(condition=Q(task_digest__regex=DIGEST_PATTERN), name="run_task_has_a_digest"),
        ]

    def __str__(self) -> str:
        return f"run {str(self.pk)[:8]} ({self.task_type})"

    @property
    def ended(self) -> bool:
        return self.state in FINAL_STATES
