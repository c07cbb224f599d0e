"""What each agent might read, and which contracts it held, from when on; must not be written but by its trigger."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from agents.models.registry import AgentState
from context.models import Sensitivity


class AgentRights(models.Model):
    """The rights of an agent from that moment until its next row: a trigger adds one whenever they change."""

    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="rights")
    from_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=AgentState.choices)
    clearance = models.PositiveSmallIntegerField(choices=Sensitivity.choices)
    domain_ids = ArrayField(models.BigIntegerField(), default=list)
    group_ids = ArrayField(models.IntegerField(), default=list)
    contract_ids = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        verbose_name_plural = "agent rights"
        ordering = ["agent_id", "-from_at"]
        constraints = [models.UniqueConstraint(fields=["agent", "from_at"], name="rights_begin_once")]

    def __str__(self) -> str:
        return f"{self.agent} from {self.from_at:%Y-%m-%d %H:%M}"
