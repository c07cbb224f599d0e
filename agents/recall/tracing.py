"""Finds what used a version: runs with their steps and decisions, and agents that were given it; must not write."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import CharField, Count, F, Max, Min, Q, QuerySet
from django.db.models.functions import Cast

from agents.models import Agent, Decision, RecallEntry, Receipt, Run, RunBundle, RunStep
from agents.runs.reading import may_read
from context.access import Principal


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """A run that was given the version, or (`run_id` is None) an agent that received it outside any run of its own."""

    agent_id: int
    run_id: UUID | None
    first_given_at: datetime
    last_given_at: datetime
    times: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprint:
    """What a version touched, in figures: `steps` are those after it was given; each agent with how often it had it."""

    runs: int
    steps: int
    decisions: int
    agents: Sequence[tuple[Agent, int, datetime]]

    @property
    def nothing(self) -> bool:
        return not self.runs and not self.agents


@dataclass(frozen=True, kw_only=True, slots=True)
class Particulars:
    """What is known of the run of an entry: None where the principal may not see the run."""

    run: Run
    readable: bool
    steps: int
    decisions: tuple[int, ...]


def uses_of(*, version_id: int) -> list[Use]:
    """Every run that was given the version, and every agent that received it and had it in no run. Two queries."""
    of_runs = [
        Use(agent_id=agent, run_id=run, first_given_at=first, last_given_at=last, times=times)
        for run, agent, first, last, times in RunBundle.objects.filter(bundle__version_ids__contains=[version_id])
        .order_by()
        .values_list("run", "agent")
        .annotate(first=Min("given_at"), last=Max("given_at"), times=Count("pk"))
        .order_by("first", "run")
    ]
    in_runs = {use.agent_id for use in of_runs}
    received = (
        Receipt.objects.filter(bundle__version_ids__contains=[version_id])
        .exclude(agent__in=in_runs)
        .order_by()
        .values_list("agent")
        .annotate(first=Min("served_at"), last=Max("served_at"), times=Count("pk"))
        .order_by("first", "agent")
    )
    return [
        *of_runs,
        *(
            Use(agent_id=agent, run_id=None, first_given_at=first, last_given_at=last, times=times)
            for agent, first, last, times in received
        ),
    ]


def footprint_of(*, version_id: int) -> Footprint:
    """What a case of this version would hold, in figures. Five queries."""
    uses = uses_of(version_id=version_id)
    runs = {use.run_id for use in uses if use.run_id is not None}
    times: dict[int, tuple[int, datetime]] = {}
    for use in uses:
        before, last = times.get(use.agent_id, (0, use.last_given_at))
        times[use.agent_id] = (before + use.times, max(last, use.last_given_at))
    agents = Agent.objects.select_related("owner").filter(pk__in=times).order_by("name")
    given = RunBundle.objects.filter(bundle__version_ids__contains=[version_id])
    named = given.annotate(named=Cast("run", CharField())).values("named")
    return Footprint(
        runs=len(runs),
        steps=_steps_after(version_id).count(),
        decisions=Decision.objects.filter(run__in=named).count(),
        agents=[(agent, *times[agent.pk]) for agent in agents],
    )


def particulars_of(*, entries: Collection[RecallEntry], principal: Principal) -> Mapping[int, Particulars]:
    """By the id of the entry, what is known of its run, for runs that the principal may see. Three queries."""
    ids = {entry.run_id for entry in entries if entry.run_id is not None}
    runs = Run.objects.visible_to(principal).select_related("agent").filter(pk__in=ids).in_bulk()
    versions = {entry.case.version_id for entry in entries}
    steps = {
        version: dict(
            _steps_after(version).filter(run__in=runs).values_list("run").annotate(done=Count("pk", distinct=True))
        )
        for version in versions
    }
    decisions: dict[str, list[int]] = {}
    decided = Decision.objects.visible_to(principal).filter(run__in=[str(each) for each in runs]).order_by("pk")
    for run, pk in decided.values_list("run", "pk"):
        decisions.setdefault(run, []).append(pk)
    return {
        entry.pk: Particulars(
            run=runs[entry.run_id],
            readable=may_read(principal=principal, run=runs[entry.run_id]),
            steps=steps[entry.case.version_id].get(entry.run_id, 0),
            decisions=tuple(decisions.get(str(entry.run_id), ())),
        )
        for entry in entries
        if entry.run_id in runs
    }


def _steps_after(version_id: int) -> QuerySet[RunStep]:
    """The steps that went on once their run had been given the version."""
    held = Q(run__bundles__bundle__version_ids__contains=[version_id])
    after = Q(ended_at__isnull=True) | Q(ended_at__gte=F("run__bundles__given_at"))
    return RunStep.objects.filter(held & after).order_by().distinct()
