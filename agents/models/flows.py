"""Flows in immutable versions, and what happens when one is started; must not check, start or advance one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from agents.models.contracts import ContextContract
from agents.models.named import Named, NamedQuerySet, PublishedState
from agents.models.registry import DIGEST_PATTERN
from agents.models.runs import time_ordered_uuid
from context.models import Sensitivity
from context.models.domains import SLUG_PATTERN

if TYPE_CHECKING:
    from context.access import Principal


class FlowQuerySet(NamedQuerySet["Flow"]):
    def visible_to(self, principal: Principal) -> Self:
        """Up to one's clearance: its owner, who has a part in its domain, who administers or audits.

        An agent knows a flow where it holds every contract of the steps that begin it: those flows it may start. One
        more query for an agent.
        """
        if principal.kind == "system":
            return self
        if principal.kind != "agent":
            return self.known_to_person(principal)
        held = ContextContract.objects.visible_to(principal).values_list("slug", flat=True)
        current = self.filter(sensitivity__lte=principal.clearance, retired_at__isnull=True, entry_contracts__len__gt=0)
        return current.filter(entry_contracts__contained_by=list(held))


class Flow(Named):
    """The name under which several agents work one after another or side by side.

    What it says stands in its current version; a change makes the next. `entry_contracts` are the contracts of the
    steps that wait for no other, as the current version has them.
    """

    owner = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="flows")
    entry_contracts = ArrayField(models.SlugField(max_length=60), default=list, blank=True)
    current_version = models.ForeignKey(
        "agents.FlowVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = FlowQuerySet.as_manager()

    class Meta(Named.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(slug__regex=SLUG_PATTERN), name="flow_slug_is_plain"),
            models.CheckConstraint(
                condition=Q(sensitivity__lte=Sensitivity.RESTRICTED), name="flow_sensitivity_is_a_level"
            ),
        ]


class FlowVersion(PublishedState):
    """One published state of a flow; triggers refuse UPDATE, DELETE, and any INSERT but by a published change of it.

    `payload` has the shape of `agents/flows/definition.py`.
    """

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="versions")
    change_id = models.BigIntegerField()

    class Meta:
        ordering = ["flow_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["flow", "number"], name="flow_version_numbered_once"),
            models.UniqueConstraint(fields=["flow", "change_id"], name="change_makes_one_version_of_a_flow"),
            models.CheckConstraint(condition=Q(number__gte=1), name="flow_versions_start_at_one"),
            models.CheckConstraint(condition=Q(digest__regex=DIGEST_PATTERN), name="flow_version_has_a_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.flow} (version {self.number})"


class TriggerSecret(models.Model):
    """What signs the events that come in by one trigger is derived from this salt: no table holds the secret."""

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="secrets")
    trigger = models.CharField(max_length=60)
    salt = models.CharField(max_length=32)
    issued_at = models.DateTimeField()
    issued_by = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["flow_id", "trigger", "-issued_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["flow", "trigger"], condition=Q(revoked_at__isnull=True), name="one_secret_a_trigger"
            ),
        ]

    def __str__(self) -> str:
        return f"secret of {self.trigger} of {self.flow}"


class FlowRunState(models.TextChoices):
    """Where a started flow stands. The last three are final: triggers refuse to leave them.

    That it waits for a person is said by its runs: see `agents/flows/reading.py`.
    """

    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class FlowRunQuerySet(models.QuerySet["FlowRun"]):
    def visible_to(self, principal: Principal) -> Self:
        """Those one asked for; for people also those of flows they own, and all of them who administer or audit.

        What of its texts is above a person's clearance is withheld where it is read (`agents/flows/reading.py`).
        """
        if principal.kind == "system":
            return self
        asked = Q(requested_by_kind=principal.kind, requested_by_id=principal.id)
        if principal.kind == "agent":
            return self.filter(asked)
        cleared = Q(flow_version__flow__sensitivity__lte=principal.clearance)
        if principal.has_role("administrator") or principal.has_role("auditor"):
            return self.filter(asked | cleared)
        return self.filter(asked | (cleared & Q(flow_version__flow__owner=principal.id)))


class FlowRun(models.Model):
    """A started flow. All its runs read the context as known at `snapshot_at`, by the version it was started with.

    A person who resumes one of its runs at the texts of now, or context that a run waited for, moves the snapshot for
    the steps that start after it.
    """

    id = models.UUIDField(primary_key=True, default=time_ordered_uuid, editable=False)
    flow_version = models.ForeignKey(FlowVersion, on_delete=models.PROTECT, related_name="runs")
    input = models.JSONField()
    input_digest = models.CharField(max_length=64)
    requested_by_kind = models.CharField(max_length=8)
    requested_by_id = models.BigIntegerField()
    requested_by_label = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=FlowRunState.choices, default=FlowRunState.RUNNING)
    snapshot_at = models.DateTimeField()
    output = models.JSONField(null=True, blank=True)
    reasons = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = FlowRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["flow_version", "created_at"]),
            models.Index(fields=["requested_by_kind", "requested_by_id"]),
            models.Index(fields=["state", "changed_at"]),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=FlowRunState.values), name="flow_run_state_is_known"),
            models.CheckConstraint(
                condition=Q(state="running", ended_at__isnull=True) | (~Q(state="running") & Q(ended_at__isnull=False)),
                name="flow_run_has_ended_where_its_state_is_final",
            ),
            models.CheckConstraint(condition=Q(input_digest__regex=DIGEST_PATTERN), name="flow_run_input_has_a_digest"),
        ]

    def __str__(self) -> str:
        return f"flow run {str(self.pk)[:8]}"

    @property
    def ended(self) -> bool:
        return self.state != FlowRunState.RUNNING


class FlowStepState(models.TextChoices):
    """Where a step stands. The last three are final."""

    WAITING = "waiting", "Waits for earlier steps"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Not carried out"


class FlowRunStep(models.Model):
    """One step of a started flow. `input` is what was mapped for it; each try of it is an ordinary run."""

    flow_run = models.ForeignKey(FlowRun, on_delete=models.PROTECT, related_name="steps")
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=FlowStepState.choices, default=FlowStepState.WAITING)
    input = models.JSONField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["flow_run_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["flow_run", "name"], name="step_stands_once_in_a_flow_run"),
            models.CheckConstraint(condition=Q(state__in=FlowStepState.values), name="flow_step_state_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running"], ended_at__isnull=True)
                | (~Q(state__in=["waiting", "running"]) & Q(ended_at__isnull=False)),
                name="flow_step_has_ended_where_its_state_is_final",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.flow_run_id}"


class TryBecause(models.TextChoices):
    """Why a run was opened for a step."""

    FIRST = "first", "The step began"
    RETRY = "retry", "Tried again"
    OTHER_AGENT = "other_agent", "Given to the other agent"
    PERSON = "person", "Put to a person"


class FlowStepRun(models.Model):
    """A run that was opened for a step of a started flow; rows are only added (trigger)."""

    step = models.ForeignKey(FlowRunStep, on_delete=models.PROTECT, related_name="tries")
    run = models.OneToOneField("agents.Run", on_delete=models.PROTECT, related_name="flow_try")
    number = models.PositiveSmallIntegerField()
    because = models.CharField(max_length=12, choices=TryBecause.choices)
    opened_at = models.DateTimeField()

    class Meta:
        ordering = ["step_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["step", "number"], name="try_of_a_step_numbered_once"),
            models.CheckConstraint(condition=Q(because__in=TryBecause.values), name="try_says_why"),
        ]

    def __str__(self) -> str:
        return f"try {self.number} of {self.step}"


class FlowEventState(models.TextChoices):
    """Whether an event has started its flow yet."""

    WAITING = "waiting", "Waits to start its flow"
    STARTED = "started", "Started its flow"
    REFUSED = "refused", "Could not start its flow"


class FlowEvent(models.Model):
    """Something that starts a flow: a signed post, or a published change. Each id counts once for a trigger."""

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="events")
    trigger = models.CharField(max_length=60)
    event_id = models.CharField(max_length=120)
    body = models.JSONField()
    state = models.CharField(max_length=8, choices=FlowEventState.choices, default=FlowEventState.WAITING)
    detail = models.CharField(max_length=500, blank=True)
    flow_run = models.OneToOneField(FlowRun, on_delete=models.PROTECT, null=True, blank=True, related_name="event")
    received_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-received_at", "-id"]
        indexes = [
            models.Index(fields=["received_at"], condition=Q(state="waiting"), name="event_that_waits_for_its_flow"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["flow", "trigger", "event_id"], name="event_counts_once_for_a_trigger"),
            models.CheckConstraint(condition=Q(state__in=FlowEventState.values), name="flow_event_state_is_known"),
            models.CheckConstraint(
                condition=Q(state="waiting", flow_run__isnull=True, settled_at__isnull=True)
                | Q(state="started", flow_run__isnull=False, settled_at__isnull=False)
                | Q(state="refused", flow_run__isnull=True, settled_at__isnull=False),
                name="settled_event_says_how",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} for {self.trigger} of {self.flow}"
