"""What happens to a run: leases, steps and hand-offs; must not move a run from state to state."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from agents.models.registry import DIGEST_PATTERN
from agents.models.runs import Run


class LeaseEnding(models.TextChoices):
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"
    HANDED_OFF = "handed_off", "Handed off"
    PAUSED = "paused", "Paused"
    CANCELLED = "cancelled", "Cancelled"


class RunLease(models.Model):
    """The right of one agent to work on one run until `expires_at`; of its token only the SHA-256 is kept."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="leases")
    number = models.PositiveIntegerField()
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="leases")
    key_prefix = models.CharField(max_length=16, blank=True)
    token_sha256 = models.CharField(max_length=64)
    seconds = models.PositiveIntegerField()
    claimed_at = models.DateTimeField()
    heard_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=12, choices=LeaseEnding.choices, blank=True)

    class Meta:
        ordering = ["run_id", "-number"]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(ended_at__isnull=True), name="lease_that_may_expire"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="lease_numbered_once"),
            models.UniqueConstraint(fields=["run"], condition=Q(ended_at__isnull=True), name="one_lease_at_a_time"),
            models.CheckConstraint(condition=Q(token_sha256__regex=DIGEST_PATTERN), name="lease_holds_only_a_hash"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ending="")
                | Q(ended_at__isnull=False, ending__in=LeaseEnding.values),
                name="ended_lease_says_how",
            ),
        ]

    def __str__(self) -> str:
        return f"lease {self.number} of {self.run_id}"


class StepState(models.TextChoices):
    STARTED = "started", "Started"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class Operation(models.TextChoices):
    """The operations of OpenTelemetry's GenAI conventions (gen_ai.operation.name) that a step may be."""

    INVOKE_AGENT = "invoke_agent", "Invoke agent"
    EXECUTE_TOOL = "execute_tool", "Execute tool"
    CHAT = "chat", "Chat"
    TEXT_COMPLETION = "text_completion", "Text completion"
    GENERATE_CONTENT = "generate_content", "Generate content"
    EMBEDDINGS = "embeddings", "Embeddings"
    RETRIEVAL = "retrieval", "Retrieval"
    CREATE_AGENT = "create_agent", "Create agent"
    INVOKE_WORKFLOW = "invoke_workflow", "Invoke workflow"


class RunStep(models.Model):
    """One thing an agent did. `key` is its own name for it: the effect of a key happens once in a run.

    A step that is done or failed never changes (trigger). Its record under `digest` is what the agent reported.
    `attributes` are what else it told under the names of the GenAI conventions (agents/runs/step_attributes.py).
    """

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="steps")
    lease = models.ForeignKey(RunLease, on_delete=models.PROTECT, related_name="steps")
    key = models.CharField(max_length=120)
    operation = models.CharField(max_length=20, choices=Operation.choices)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=8, choices=StepState.choices)
    input = models.JSONField(null=True, blank=True)
    output = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)
    tool_calls = models.JSONField(default=list, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    model = models.CharField(max_length=120, blank=True)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost = models.DecimalField(max_digits=14, decimal_places=6, default=0)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["run_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "key"], name="effect_of_a_step_happens_once"),
            models.CheckConstraint(
                condition=Q(state="started", ended_at__isnull=True)
                | Q(state__in=["done", "failed"], ended_at__gte=F("started_at")),
                name="step_ends_after_it_starts",
            ),
            models.CheckConstraint(condition=Q(operation__in=Operation.values), name="step_operation_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.run_id}"


class HandOff(models.Model):
    """One agent passed the run to another, with what it says of its work; never changed (trigger)."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="hand_offs")
    from_agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="+")
    to_agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    payload = models.JSONField(null=True, blank=True)
    handed_at = models.DateTimeField()

    class Meta:
        ordering = ["run_id", "id"]
        indexes = [models.Index(fields=["handed_at"])]

    def __str__(self) -> str:
        return f"{self.from_agent} to {self.to_agent}"


class RunBundle(models.Model):
    """A bundle that the run's agent was given for it: what the run knew; rows are only added."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="bundles")
    bundle = models.ForeignKey("agents.Bundle", on_delete=models.PROTECT, related_name="runs")
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="+")
    given_at = models.DateTimeField()

    class Meta:
        ordering = ["run_id", "id"]
        constraints = [models.UniqueConstraint(fields=["run", "bundle", "agent"], name="bundle_told_once_of_a_run")]

    def __str__(self) -> str:
        return f"{self.bundle_id[:12]} of {self.run_id}"
