"""Rule sets in immutable versions and the decisions made by them; must not decide or publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from agents.models.named import Named, NamedQuerySet, PublishedState
from agents.models.registry import DIGEST_PATTERN
from context.models import Sensitivity
from context.models.domains import SLUG_PATTERN

if TYPE_CHECKING:
    from context.access import Principal


class RuleSetQuerySet(NamedQuerySet["RuleSet"]):
    def visible_to(self, principal: Principal) -> Self:
        """Up to one's clearance: its owner, who has a part in its domain, who administers or audits, its agents.

        One without a domain is the whole organisation's.
        """
        if principal.kind == "system":
            return self
        if principal.kind != "agent":
            return self.known_to_person(principal)
        cleared = self.filter(sensitivity__lte=principal.clearance)
        return cleared.filter(Q(domain__isnull=True) | Q(domain__in=principal.domains or ()))


class RuleSet(Named):
    """The name under which tasks are routed. What it says stands in its current version; a change makes the next."""

    owner = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="rule_sets")
    current_version = models.ForeignKey(
        "agents.RuleSetVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = RuleSetQuerySet.as_manager()

    class Meta(Named.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(slug__regex=SLUG_PATTERN), name="rule_set_slug_is_plain"),
            models.CheckConstraint(
                condition=Q(sensitivity__lte=Sensitivity.RESTRICTED), name="rule_set_sensitivity_is_a_level"
            ),
        ]


class RuleSetVersion(PublishedState):
    """One published state of a rule set; triggers refuse UPDATE, DELETE, and any INSERT but by a published change.

    `payload` has the shape of `agents/routing/table.py`.
    """

    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="versions")
    change_id = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["rule_set_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["rule_set", "number"], name="rule_set_version_numbered_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="rule_set_versions_start_at_one"),
            models.CheckConstraint(condition=Q(digest__regex=DIGEST_PATTERN), name="rule_set_version_has_a_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_set} (version {self.number})"


class DecisionQuerySet(models.QuerySet["Decision"]):
    def visible_to(self, principal: Principal) -> Self:
        """Those one asked for, and those by rule sets that one may know of; an agent sees those it asked for."""
        asked = Q(asked_by_kind=principal.kind, asked_by_id=principal.id)
        if principal.kind == "agent":
            return self.filter(asked)
        rule_sets = RuleSet.objects.visible_to(principal).values("pk")
        return self.filter(asked | Q(rule_set_version__rule_set__in=rule_sets))


class Decision(models.Model):
    """One routing decision with the facts it was made from: rows are only added (triggers).

    `tried` is the trail of `agents/routing/decide.py`; `digest` covers outcome and trail, so that a replay can be
    compared bit for bit. `run` names the run it was made for, where there is one.
    """

    rule_set_version = models.ForeignKey(RuleSetVersion, on_delete=models.PROTECT, related_name="decisions")
    run = models.CharField(max_length=64, blank=True)
    task_type = models.CharField(max_length=60, blank=True)
    facts = models.JSONField()
    tried = models.TextField()
    outcome = models.JSONField()
    kind = models.CharField(max_length=8)
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, null=True, blank=True, related_name="decisions")
    digest = models.CharField(max_length=64)
    asked_by_kind = models.CharField(max_length=8)
    asked_by_id = models.BigIntegerField()
    asked_by_label = models.CharField(max_length=200)
    decided_at = models.DateTimeField()
    request_id = models.CharField(max_length=64, blank=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["rule_set_version", "decided_at"]),
            models.Index(fields=["decided_at"]),
            models.Index(fields=["asked_by_kind", "asked_by_id"]),
            models.Index(fields=["run"], condition=~Q(run=""), name="decisions_of_a_run"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["agent", "human", "refuse"]), name="decision_has_an_outcome"),
            models.CheckConstraint(
                condition=Q(kind="agent", agent__isnull=False) | (~Q(kind="agent") & Q(agent__isnull=True)),
                name="decision_names_the_agent_it_leads_to",
            ),
            models.CheckConstraint(condition=Q(digest__regex=DIGEST_PATTERN), name="decision_has_a_digest"),
        ]

    def __str__(self) -> str:
        return f"decision {self.pk}: {self.kind}"
