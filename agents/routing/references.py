"""Asks whether what a rule set names is there: agents, contracts, people, groups, classifiers; must not prove rules."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.models import Group

from agents.models import Agent, ContextContract
from agents.problems import Problem
from agents.routing.definitions import Outcome, Table, Target
from context.models import User

WRITE_CONTRACT = "Correct the name, or write the contract first."


def check_references(table: Table) -> list[Problem]:
    """Unknown names are errors; agents that could not take what they are named for are warnings. Four queries."""
    targets = list(_targets(table))
    agents = {
        agent.slug: agent
        for agent in Agent.objects.filter(slug__in={target.agent for _, target in targets}).prefetch_related(
            "contracts"
        )
    }
    named = {each.contract for each in table.task_types} | {target.contract for _, target in targets}
    contracts = set(
        ContextContract.objects.filter(slug__in=named, current_version__isnull=False).values_list("slug", flat=True)
    )
    found: list[Problem] = []

    def tell(level: str, code: str, place: str, message: str, fix: str) -> None:
        found.append(Problem(level=level, code=code, place=place, message=message, fix=fix))  # type: ignore[arg-type]

    for place, each in enumerate(table.task_types):
        if each.contract not in contracts:
            where = f"task_types.{place}.contract"
            tell("error", "unknown-contract", where, f"There is no contract “{each.contract}”.", WRITE_CONTRACT)
    usual = {each.contract for each in table.task_types}
    for at, target in targets:
        agent = agents.get(target.agent)
        if agent is None:
            tell("error", "unknown-agent", f"{at}.agent", f"There is no agent “{target.agent}”.",
                 "Correct the name, or register the agent first.")  # fmt: skip
            continue
        if target.contract and target.contract not in contracts:
            where = f"{at}.contract"
            tell("error", "unknown-contract", where, f"There is no contract “{target.contract}”.", WRITE_CONTRACT)
        holds = {contract.slug for contract in agent.contracts.all()}
        if not holds & ({target.contract} if target.contract else usual):
            wanted = target.contract or "any contract of these task types"
            tell("warning", "not-held", at, f"{agent.name} does not hold {wanted}, so it is never chosen here.",
                 "Give it the contract, or name another agent.")  # fmt: skip
        if agent.state != "sanctioned":
            tell("warning", "not-sanctioned", at, f"{agent.name} is {agent.get_state_display().lower()}.",
                 "Sanction it, or name another agent.")  # fmt: skip
    found += _people(table)
    if table.classifier and table.classifier not in settings.ROUTING_CLASSIFIERS:
        tell("error", "unknown-classifier", "classifier", f"There is no classifier “{table.classifier}”.",
             "Configure it in ROUTING_CLASSIFIERS, or leave it out.")  # fmt: skip
    return found


def _targets(table: Table) -> Iterator[tuple[str, Target]]:
    for place, rule in enumerate(table.rules):
        for number, target in enumerate(rule.outcome.targets):
            yield f"rules.{place}.then.targets.{number}", target
        for number, target in enumerate(rule.outcome.incomplete.targets):
            yield f"rules.{place}.then.incomplete.targets.{number}", target


def _people(table: Table) -> Iterator[Problem]:
    asked = [(f"rules.{place}.then", rule.outcome) for place, rule in enumerate(table.rules)]
    wanted = [each for place, outcome in [*asked, ("otherwise", table.otherwise)] for each in _to(place, outcome)]
    groups = set(Group.objects.filter(name__in=_named(wanted, "group:")).values_list("name", flat=True))
    people = set(
        User.objects.filter(username__in=_named(wanted, "person:"), is_active=True).values_list("username", flat=True)
    )
    for place, to in wanted:
        kind, _, name = to.partition(":")
        if name and name not in (groups if kind == "group" else people):
            yield Problem(
                level="error",
                code="unknown-person",
                place=place,
                message=f"There is no {kind} “{name[:80]}”.",
                fix="Correct the name.",
            )


def _to(place: str, outcome: Outcome) -> Iterator[tuple[str, str]]:
    if outcome.to:
        yield f"{place}.to", outcome.to
    if outcome.incomplete.to:
        yield f"{place}.incomplete.to", outcome.incomplete.to


def _named(wanted: list[tuple[str, str]], prefix: str) -> list[str]:
    return [to.removeprefix(prefix) for _, to in wanted if to.startswith(prefix)]
