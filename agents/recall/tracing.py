"""Finds what used a version: runs with their steps and decisions, and agents that were given it; must not write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min

from agents.models import Agent, Decision, Receipt, Run, RunBundle, RunStep
from context.access import Principal
from context.digests import iso

MOST_RUNS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class UsedByRun:
    """A run whose bundles held the version, with what it did since: its steps, and the decisions made for it."""

    run: Run
    agent: Agent
    first_given_at: datetime
    last_given_at: datetime
    steps: int
    decisions: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "run": str(self.run.pk),
            "task_type": self.run.task_type,
            "state": self.run.state,
            "agent": self.agent.slug,
            "first_given_at": iso(self.first_given_at),
            "steps": self.steps,
            "decisions": list(self.decisions),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenToAgent:
    """An agent that received bundles with the version, in a run or not."""

    agent: Agent
    first_given_at: datetime
    last_given_at: datetime
    times: int

    def as_json(self) -> dict[str, Any]:
        return {
            "agent": self.agent.slug,
            "first_given_at": iso(self.first_given_at),
            "last_given_at": iso(self.last_given_at),
            "times": self.times,
        }


def runs_that_used(*, version_id: int, principal: Principal) -> list[UsedByRun]:
    """The runs that the principal may see, those given it first to begin with; at most 10,000. Five queries."""
    given = (
        RunBundle.objects.filter(bundle__version_ids__contains=[version_id])
        .values("run", "agent")
        .annotate(first=Min("given_at"), last=Max("given_at"))
        .order_by("first", "run")[:MOST_RUNS]
    )
    rows = list(given)
    ids = {row["run"] for row in rows}
    runs = Run.objects.visible_to(principal).filter(pk__in=ids)
    found = {run.pk: run for run in runs.select_related("agent", "contract_version__contract")}
    steps = dict(RunStep.objects.filter(run__in=ids).order_by().values_list("run").annotate(done=Count("pk")))
    agents = Agent.objects.in_bulk({row["agent"] for row in rows})
    decisions = _decisions_of(list(found))
    return [
        UsedByRun(
            run=found[row["run"]],
            agent=agents[row["agent"]],
            first_given_at=row["first"],
            last_given_at=row["last"],
            steps=steps.get(row["run"], 0),
            decisions=tuple(decisions.get(str(row["run"]), ())),
        )
        for row in rows
        if row["run"] in found
    ]


def agents_that_received(*, version_id: int) -> list[GivenToAgent]:
    """Each agent with a receipt for a bundle that held the version. Two queries."""
    given = (
        Receipt.objects.filter(bundle__version_ids__contains=[version_id])
        .values("agent")
        .annotate(first=Min("served_at"), last=Max("served_at"), times=Count("pk"))
        .order_by("first", "agent")
    )
    rows = list(given)
    agents = Agent.objects.select_related("owner").in_bulk({row["agent"] for row in rows})
    return [
        GivenToAgent(
            agent=agents[row["agent"]], first_given_at=row["first"], last_given_at=row["last"], times=row["times"]
        )
        for row in rows
    ]


def _decisions_of(run_ids: Sequence[UUID]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for run, pk in (
        Decision.objects.filter(run__in=[str(each) for each in run_ids]).values_list("run", "pk").order_by("pk")
    ):
        found.setdefault(run, []).append(pk)
    return found
