"""The context-flow map of one flow: who does each step with which texts, how fresh, and what is under way; no drawing.

Everything is as the reader may know it: texts, contracts and started flows that are hidden from them are not there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import Count

from agents.contracts import requirements_of
from agents.flows.checks import Checked, Edge, check_flow, words_of
from agents.flows.definition import Definition, Step
from agents.flows.references import Surroundings, contracts_known_to
from agents.models import (
    Flow,
    FlowEvent,
    FlowRun,
    FlowRunStep,
    FlowStepRun,
    FlowStepState,
    TriggerSecret,
)
from agents.problems import Problem
from context.access import Principal
from context.availability import resolve
from context.digests import iso
from context.models import ContextItem
from context.row_security import reading_as

LATELY = timedelta(days=30)
SOON = timedelta(days=14)
OF_SCHEMAS = ("does-not-fit", "not-provable")
Freshness = Literal["fresh", "due soon", "overdue"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MapItem:
    """A text that a step reads. Overdue: its verification has lapsed."""

    key: str
    title: str
    version: int
    requirement: str
    verified_until: datetime | None
    freshness: Freshness


@dataclass(frozen=True, kw_only=True, slots=True)
class MapAgent:
    """Who may carry out a step. `holds`: whether all that the contract requires is there for it now."""

    slug: str
    name: str
    state: str
    contract: str
    holds: bool
    after_failure: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MapTrigger:
    """Something that starts the flow. `secret` says whether posts can be signed at all; None for publications."""

    name: str
    on: str
    match: Mapping[str, str]
    secret: bool | None
    events: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class MapStep:
    """A step. `layer` counts the steps before it on the longest way: those of one layer stand side by side.

    `now` counts the runs of started flows by their states, `lately` how the step ended in the last 30 days. `holds` is
    None where nobody who may carry it out is known. Texts and gaps are empty where the contract is hidden.
    """

    name: str
    label: str
    layer: int
    task_type: str
    routed: bool
    contract: str
    contract_name: str
    contract_version: int | None
    contract_known: bool
    agents: tuple[MapAgent, ...]
    holds: bool | None
    items: tuple[MapItem, ...]
    gaps: tuple[Mapping[str, Any], ...]
    failure: str
    now: Mapping[str, int] = field(default_factory=dict)
    lately: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowMap:
    """Nodes and edges. Edges lead from `input`, `trigger:<name>` or a step to a step, `input` or `output`."""

    slug: str
    version: int
    at: datetime
    triggers: tuple[MapTrigger, ...]
    steps: tuple[MapStep, ...]
    edges: tuple[Edge, ...]
    problems: tuple[Problem, ...]
    running: int
    waiting_for_people: int

    def as_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in ("slug", "version", "running", "waiting_for_people")},
            "at": iso(self.at),
            "triggers": [asdict(each) for each in self.triggers],
            "steps": [_plain(asdict(each)) for each in self.steps],
            "edges": [each.as_json() for each in self.edges],
            "problems": [each.as_json() for each in self.problems],
        }


def _plain(step: dict[str, Any]) -> dict[str, Any]:
    for item in step["items"]:
        item["verified_until"] = iso(item["verified_until"]) if item["verified_until"] else None
    return step


def map_of(*, principal: Principal, flow: Flow, now: datetime) -> FlowMap:
    """The map of a flow as it stands now, for this reader. `flow.current_version` is read where it is not at hand."""
    version = flow.current_version
    if version is None:
        raise ValueError("a flow that is drawn has a version")
    checked = check_flow(version.payload, principal=principal)
    definition = checked.definition
    contracts = {step.contract for step in definition.steps}
    known = contracts_known_to(principal, contracts)
    visible = FlowRun.objects.visible_to(principal).filter(flow_version__flow=flow)
    now_counts, lately = _counts(visible, now)
    return FlowMap(
        slug=flow.slug,
        version=version.number,
        at=now,
        triggers=_triggers(flow, definition),
        steps=_steps(checked, known=known, principal=principal, counts=(now_counts, lately), now=now),
        edges=tuple(
            each if _contracts_of(each, definition) <= known else replace(each, doubts=()) for each in checked.edges
        ),
        problems=tuple(each for each in checked.problems if contracts <= known or each.code not in OF_SCHEMAS),
        running=visible.filter(ended_at__isnull=True).count(),
        waiting_for_people=sum(
            counts.get(state, 0) for counts in now_counts.values() for state in ("waits_for_person", "in_review")
        ),
    )


def _contracts_of(edge: Edge, definition: Definition) -> set[str]:
    """The contracts whose schemas the edge's doubts tell of."""
    return {step.contract for step in definition.steps if step.name in (edge.source, edge.target)}


def map_of_draft(*, principal: Principal, checked: Checked, now: datetime) -> FlowMap:
    """The map of a flow that is not published: as it would stand now, with nothing under way."""
    definition = checked.definition
    known = contracts_known_to(principal, {step.contract for step in definition.steps})
    return FlowMap(
        slug="",
        version=0,
        at=now,
        triggers=tuple(
            MapTrigger(name=each.name, on=each.on, match=dict(each.match), secret=None, events={})
            for each in definition.triggers
        ),
        steps=_steps(checked, known=known, principal=principal, counts=({}, {}), now=now),
        edges=checked.edges,
        problems=checked.problems,
        running=0,
        waiting_for_people=0,
    )


def layers_of(definition: Definition) -> dict[str, int]:
    """How many steps come before each one, on the longest way. Steps in a circle are left out."""
    found: dict[str, int] = {}
    for _ in definition.steps:
        for step in definition.steps:
            if all(name in found for name in step.after):
                found[step.name] = max((found[name] + 1 for name in step.after), default=0)
    return found


def _steps(
    checked: Checked,
    *,
    known: Collection[str],
    principal: Principal,
    counts: tuple[Mapping[str, Mapping[str, int]], Mapping[str, Mapping[str, int]]],
    now: datetime,
) -> tuple[MapStep, ...]:
    layers = layers_of(checked.definition)
    return tuple(
        _step(
            step,
            checked.around,
            principal=principal,
            known=step.contract in known,
            layer=layers.get(step.name, 0),
            counts=(dict(counts[0].get(step.name, {})), dict(counts[1].get(step.name, {}))),
            now=now,
        )
        for step in checked.definition.steps
    )


def _step(
    step: Step,
    around: Surroundings | None,
    *,
    principal: Principal,
    known: bool,
    layer: int,
    counts: tuple[Mapping[str, int], Mapping[str, int]],
    now: datetime,
) -> MapStep:
    version = around.contracts.get(step.contract) if around is not None else None
    agents = _agents(step, around)
    usual = [each.holds for each in agents if not each.after_failure]
    first = next((each.slug for each in agents if each.contract == step.contract), None)
    items: tuple[MapItem, ...] = ()
    gaps: tuple[Mapping[str, Any], ...] = ()
    if known and around is not None and version is not None and first is not None:
        reader = around.agents[first].principal
        items = _items(reader, requirements=version.requirements, viewer=principal, now=now)
        context = around.contexts.get((first, step.contract))
        gaps = tuple(context.gaps) if context is not None else ()
    return MapStep(
        name=step.name,
        label=step.label,
        layer=layer,
        task_type=step.task_type,
        routed=not step.agent,
        contract=step.contract,
        contract_name=version.contract.name if version is not None and known else step.contract,
        contract_version=version.number if version is not None and known else None,
        contract_known=known,
        agents=agents,
        holds=any(usual) if usual else None,
        items=items,
        gaps=gaps,
        failure=words_of(step.on_failure),
        now=counts[0],
        lately=counts[1],
    )


def _agents(step: Step, around: Surroundings | None) -> tuple[MapAgent, ...]:
    if around is None:
        return ()
    carriers = around.carriers[step.name]
    found = []
    for slug, contract in carriers.all:
        agent = around.agents.get(slug)
        context = around.contexts.get((slug, contract))
        if agent is not None:
            found.append(
                MapAgent(
                    slug=slug,
                    name=agent.principal.label,
                    state=agent.state,
                    contract=contract,
                    holds=context is not None and context.complete,
                    after_failure=(slug, contract) not in carriers.usual,
                )
            )
    return tuple(found)


def _items(
    reader: Principal, *, requirements: Sequence[Mapping[str, Any]], viewer: Principal, now: datetime
) -> tuple[MapItem, ...]:
    """The texts that the agent would get now, as far as the viewer may see them, in the order of the requirements."""
    with reading_as(reader):
        chosen = resolve(principal=reader, requirements=requirements_of(requirements)).chosen
    with reading_as(viewer):
        items = ContextItem.objects.visible_to(viewer).filter(key__in={each.key for each in chosen})
        until = dict(items.values_list("key", "verified_until"))
    # A text that meets several requirements stands there once, under the first.
    once = {each.key: each for each in reversed(chosen)}
    return tuple(
        MapItem(
            key=each.key,
            title=each.title,
            version=each.number,
            requirement=each.requirement.name,
            verified_until=until[each.key],
            freshness=freshness_of(until[each.key], now),
        )
        for each in chosen
        if each.key in until and once[each.key] is each
    )


def freshness_of(verified_until: datetime | None, now: datetime) -> Freshness:
    """How a text stands by its verification: due soon within two weeks."""
    if verified_until is None or verified_until <= now:
        return "overdue"
    return "due soon" if verified_until <= now + SOON else "fresh"


def _triggers(flow: Flow, definition: Definition) -> tuple[MapTrigger, ...]:
    signed = set(TriggerSecret.objects.filter(flow=flow, revoked_at__isnull=True).values_list("trigger", flat=True))
    counts: dict[str, Counter[str]] = {}
    events = FlowEvent.objects.filter(flow=flow).order_by().values_list("trigger", "state").annotate(Count("pk"))
    for trigger, state, number in events:
        counts.setdefault(trigger, Counter())[state] = number
    return tuple(
        MapTrigger(
            name=each.name,
            on=each.on,
            match=dict(each.match),
            secret=each.name in signed if each.on == "webhook" else None,
            events=dict(counts.get(each.name, {})),
        )
        for each in definition.triggers
    )


def _counts(visible: Any, now: datetime) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    """By step: the states of the runs of steps under way, and how steps ended lately. Two queries."""
    open_now: dict[str, Counter[str]] = {}
    running = FlowStepRun.objects.filter(
        step__flow_run__in=visible, step__state=FlowStepState.RUNNING, run__ended_at__isnull=True
    )
    grouped = running.order_by().values_list("step__name", "run__state").annotate(Count("pk"))
    for name, state, number in grouped:
        open_now.setdefault(name, Counter())[state] = number
    lately: dict[str, Counter[str]] = {}
    ended = FlowRunStep.objects.filter(flow_run__in=visible, started_at__isnull=False, ended_at__gte=now - LATELY)
    for name, state, number in ended.order_by().values_list("name", "state").annotate(Count("pk")):
        lately.setdefault(name, Counter())[state] = number
    return open_now, lately
