"""Who may carry out the steps of a flow, under which contracts, and what of that is missing; must prove no schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agents.flows.definition import Definition, Step
from agents.models import ContextContract, ContractVersion, RuleSet
from agents.problems import Level, Problem
from agents.routing.candidates import Candidate, candidates_of, contexts_of
from agents.routing.definitions import Table
from agents.routing.facts import TargetContext
from agents.routing.rule_sets import decider_of
from context.access import Principal
from context.models import Domain, Kind

Pair = tuple[str, str]  # an agent and a contract, by their slugs


@dataclass(frozen=True, kw_only=True, slots=True)
class Carriers:
    """Who may carry out a step: pairs of agent and contract, those that are tried only after a failure apart."""

    usual: tuple[Pair, ...] = ()
    after_failure: tuple[Pair, ...] = ()

    @property
    def all(self) -> tuple[Pair, ...]:
        return tuple(dict.fromkeys((*self.usual, *self.after_failure)))

    @property
    def contracts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(contract for _, contract in self.all))


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What of a flow's surroundings its checks need, as it stands now."""

    carriers: Mapping[str, Carriers]
    contracts: Mapping[str, ContractVersion]
    agents: Mapping[str, Candidate]
    contexts: Mapping[Pair, TargetContext]
    problems: Sequence[Problem] = field(default_factory=tuple)


def look_around(definition: Definition) -> Surroundings:
    """Contracts, agents and rule sets that the flow names, and what context each agent has. A handful of queries."""
    problems: list[Problem] = []
    tables = _tables(definition)
    carriers = {each.name: _carriers(each, f"steps.{n}", tables, problems) for n, each in enumerate(definition.steps)}
    named = {each.contract for each in definition.steps} | {c for each in carriers.values() for c in each.contracts}
    contracts = {
        each.slug: each.current_version
        for each in ContextContract.objects.select_related("current_version__contract").filter(
            slug__in=named, retired_at__isnull=True, current_version__isnull=False
        )
        if each.current_version is not None
    }
    slugs = {agent for each in carriers.values() for agent, _ in each.all}
    agents = candidates_of(sorted(slugs), load=False, budget=False) if slugs else {}
    pairs = list(dict.fromkeys(pair for each in carriers.values() for pair in each.all))
    contexts = contexts_of([pair for pair in pairs if pair[1] in contracts], agents)
    for number, step in enumerate(definition.steps):
        problems += _check_step(step, f"steps.{number}", carriers[step.name], contracts, agents)
    problems += _check_triggers(definition)
    return Surroundings(
        carriers=carriers, contracts=contracts, agents=agents, contexts=contexts, problems=tuple(problems)
    )


def check_availability(definition: Definition, around: Surroundings, *, knows: Iterable[str]) -> Iterator[Problem]:
    """Steps whose contract nobody can be served under today. What is missing is named to who knows the contract."""
    known = set(knows)
    for number, step in enumerate(definition.steps):
        pairs = [pair for pair in around.carriers[step.name].usual if pair in around.contexts]
        if not pairs or any(around.contexts[pair].complete for pair in pairs):
            continue
        agent, contract = pairs[0]
        gaps = [each for each in around.contexts[agent, contract].gaps if each.get("required", True)]
        said = ", ".join(f"“{gap['requirement']}” is {gap['code']}" for gap in gaps[:3])
        because = f": {said}" if said and contract in known else ""
        message = f"The contract of “{step.label}” does not hold today{because}. Its runs would be refused or wait."
        fix = str(gaps[0].get("fix", "")) if gaps and contract in known else "Ask the contract's owner what is missing."
        yield _problem("warning", "not-available", f"steps.{number}.contract", message, fix)


def _tables(definition: Definition) -> list[Table]:
    """The rule sets in force, if any step is routed, in the order of their names."""
    if all(step.agent for step in definition.steps):
        return []
    found = RuleSet.objects.select_related("current_version").filter(
        retired_at__isnull=True, current_version__isnull=False
    )
    tables = []
    for each in found.order_by("slug"):
        if each.current_version is not None:
            tables.append(decider_of(each.current_version, slug=each.slug).table)
    return tables


def _carriers(step: Step, at: str, tables: Sequence[Table], problems: list[Problem]) -> Carriers:
    after: tuple[Pair, ...] = ()
    if step.on_failure is not None and step.on_failure.do == "other_agent":
        after = ((step.on_failure.agent, step.on_failure.contract or step.contract),)
    if step.agent:
        return Carriers(usual=((step.agent, step.contract),), after_failure=after)
    fitting = [
        table
        for table in tables
        if (not step.rule_set or table.slug == step.rule_set)
        and any(each.name == step.task_type for each in table.task_types)
    ]
    if not fitting:
        where = f"the rule set “{step.rule_set}”" if step.rule_set else "any rule set"
        message = f"No agent is named, and {where} does not declare the task type “{step.task_type}”."
        problems.append(
            _problem("error", "unknown-task-type", f"{at}.task_type", message, "Name an agent, or declare the type.")
        )
        return Carriers(after_failure=after)
    if len(fitting) > 1:
        message = f"Several rule sets declare “{step.task_type}”: {', '.join(each.slug for each in fitting[:5])}."
        problems.append(_problem("error", "ambiguous-task-type", f"{at}.rule_set", message, "Name one of them."))
    table = fitting[0]
    usual = dict.fromkeys((*table.pairs_for(step.task_type), *table.pairs_for(step.task_type, narrower=True)))
    others = [contract for contract in dict.fromkeys(contract for _, contract in usual) if contract != step.contract]
    if usual and others:
        message = f"The rules may also send “{step.label}” under {', '.join(others)}."
        problems.append(_problem("note", "other-contract", f"{at}.contract", message, ""))
    return Carriers(usual=tuple(usual), after_failure=after)


def _check_step(
    step: Step,
    at: str,
    carriers: Carriers,
    contracts: Mapping[str, ContractVersion],
    agents: Mapping[str, Candidate],
) -> Iterator[Problem]:
    for contract in dict.fromkeys((step.contract, *carriers.contracts)):
        if contract not in contracts:
            yield _problem("error", "unknown-contract", f"{at}.contract", f"There is no contract “{contract}”.",
                           "Correct the name, or publish the contract first.")  # fmt: skip
    stated = ([(f"{at}.agent", pair) for pair in carriers.usual] if step.agent else []) + [
        (f"{at}.on_failure.agent", pair) for pair in carriers.after_failure
    ]
    for place, (slug, contract) in stated:
        agent = agents.get(slug)
        if agent is None:
            yield _problem("error", "unknown-agent", place, f"There is no agent “{slug}”.",
                           "Correct the name, or register the agent first.")  # fmt: skip
        elif contract not in agent.contracts:
            yield _problem("error", "not-held", place, f"{agent.principal.label} does not hold {contract}.",
                           "Give it the contract, or name another agent.")  # fmt: skip
        elif agent.state != "sanctioned":
            yield _problem("warning", "not-sanctioned", place, f"{agent.principal.label} is {agent.state}.",
                           "Sanction it, or name another agent.")  # fmt: skip
    if set(carriers.usual) & set(carriers.after_failure) and step.agent:
        yield _problem("error", "same-agent", f"{at}.on_failure.agent", "The other agent is the one that has failed.",
                       "Name another agent, or retry.")  # fmt: skip


def _check_triggers(definition: Definition) -> Iterator[Problem]:
    named = {
        part: {t.match[part] for t in definition.triggers if part in t.match} for part in ("key", "kind", "domain")
    }
    if not any(named.values()):
        return
    known = {
        "kind": set(Kind.objects.filter(slug__in=named["kind"]).values_list("slug", flat=True)),
        "domain": set(Domain.objects.filter(slug__in=named["domain"]).values_list("slug", flat=True)),
    }
    for number, trigger in enumerate(definition.triggers):
        for part in ("kind", "domain"):
            if part in trigger.match and trigger.match[part] not in known[part]:
                message = f"There is no {part} “{trigger.match[part]}”."
                yield _problem("error", f"unknown-{part}", f"triggers.{number}.match.{part}", message, "Correct it.")


def contracts_known_to(principal: Principal, slugs: Iterable[str]) -> frozenset[str]:
    """Those of these contracts that the principal may know of. One query."""
    found = ContextContract.objects.visible_to(principal).filter(slug__in=list(slugs))
    return frozenset(found.values_list("slug", flat=True))


def _problem(level: Level, code: str, place: str, message: str, fix: str) -> Problem:
    return Problem(level=level, code=code, place=place, message=message, fix=fix)
