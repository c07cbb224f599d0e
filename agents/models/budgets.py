"""Budgets: what runs of an agent or domain may use, and what they used; must not count it (agents/runs/budgets.py)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Budget(models.Model):
    """What the runs of one agent or one domain may use in a day or a month (UTC), in tokens, in money or both."""

    class Period(models.TextChoices):
        DAY = "day", "Day"
        MONTH = "month", "Month"

    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, null=True, blank=True, related_name="budgets")
    domain = models.ForeignKey("context.Domain", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    period = models.CharField(max_length=8, choices=Period.choices, default=Period.MONTH)
    tokens = models.PositiveBigIntegerField(null=True, blank=True)
    cost = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(agent__isnull=False, domain__isnull=True) | Q(agent__isnull=True, domain__isnull=False),
                name="budget_is_an_agents_or_a_domains",
            ),
            models.CheckConstraint(
                condition=Q(tokens__isnull=False) | Q(cost__isnull=False), name="budget_limits_something"
            ),
            models.UniqueConstraint(fields=["agent", "period"], name="one_budget_an_agent_and_period"),
            models.UniqueConstraint(fields=["domain", "period"], name="one_budget_a_domain_and_period"),
        ]

    def __str__(self) -> str:
        return f"{self.agent or self.domain} a {self.period}"


class DailyUse(models.Model):
    """What the runs of one agent or one domain used on one day (UTC): counted when it is used, whenever they began."""

    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    domain = models.ForeignKey("context.Domain", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    day = models.DateField()
    tokens = models.BigIntegerField(default=0)
    cost = models.DecimalField(max_digits=20, decimal_places=6, default=0)

    class Meta:
        ordering = ["-day", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(agent__isnull=False, domain__isnull=True) | Q(agent__isnull=True, domain__isnull=False),
                name="use_is_an_agents_or_a_domains",
            ),
            models.UniqueConstraint(fields=["agent", "day"], name="one_use_an_agent_and_day"),
            models.UniqueConstraint(fields=["domain", "day"], name="one_use_a_domain_and_day"),
        ]

    def __str__(self) -> str:
        return f"{self.agent or self.domain} on {self.day}"
