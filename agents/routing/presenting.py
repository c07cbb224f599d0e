"""How decisions read in JSON, without what their reader may not know; must not decide or query rows of context.

What an agent lacks names texts. It is told to those who may know of the contract that asks for them, and to no other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents.authentication import AuthenticatedAgent
from agents.models import ContextContract, Decision
from agents.routing.asking import Answer
from agents.routing.decide import Verdict
from agents.routing.definitions import Table
from agents.routing.explaining import explain
from agents.routing.facts import Facts, TargetFacts, facts_from, plain
from agents.routing.operators import said
from agents.routing.rule_sets import decider_of
from context.access import Principal
from context.digests import iso

_NAMING = ("context.missing", "context.stale", "context.unverified", "context.contradicted")
WITHHELD = "withheld"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A decision with its trace as its reader may see it. `withheld` says that names of texts were left out."""

    outcome: dict[str, Any]
    trace: list[dict[str, Any]]
    facts: dict[str, Any]
    targets: list[dict[str, Any]]
    withheld: bool

    @property
    def fact_rows(self) -> list[tuple[str, str]]:
        """The facts in words, for a page."""
        return [(name, said(value) or "none") for name, value in self.facts.items()]


def known_contracts(principal: Principal, facts: Facts, agent: AuthenticatedAgent | None = None) -> frozenset[str]:
    """Those contracts of the facts that the reader may know of. One query for people, none for agents."""
    named = {contract for _, contract in facts.targets}
    if agent is not None:
        return frozenset(named & set(agent.contracts))
    visible = ContextContract.objects.visible_to(principal).filter(slug__in=named)
    return frozenset(visible.values_list("slug", flat=True))


def show(table: Table, facts: Facts, verdict: Verdict, *, known: Collection[str]) -> Shown:
    """The decision for a reader who may know of these contracts."""
    withheld = any(
        target.context is not None and target.context.gaps and target.contract not in known
        for target in facts.targets.values()
    )
    told = _without_names(facts) if withheld else facts
    outcome = dict(verdict.said)
    if withheld and outcome.get("gaps"):
        outcome["gaps"] = []
    return Shown(
        outcome=outcome,
        trace=explain(table, told, verdict),
        facts=plain(told.values),
        targets=[_target(facts.targets[key], known) for key in sorted(facts.targets)],
        withheld=withheld,
    )


def answer_as_json(answer: Answer, shown: Shown) -> dict[str, Any]:
    """What `POST /routing/decide/` answers."""
    return {
        "outcome": shown.outcome,
        "digest": answer.verdict.digest,
        "rule_set": {
            "slug": answer.decider.table.slug,
            "version": answer.version.number,
            "digest": answer.version.digest,
        },
        "task_type": answer.task_type or None,
        "run": answer.facts.run,
        "at": answer.facts.at,
        "facts": shown.facts,
        "agents": shown.targets,
        "trace": shown.trace,
        "names_withheld": shown.withheld,
    }


def decision_as_json(decision: Decision, shown: Shown) -> dict[str, Any]:
    """A recorded decision. `decision.rule_set_version.rule_set` is read where it is not at hand."""
    version = decision.rule_set_version
    return {
        "id": decision.pk,
        "outcome": shown.outcome,
        "digest": decision.digest,
        "rule_set": {"slug": version.rule_set.slug, "version": version.number, "digest": version.digest},
        "task_type": decision.task_type or None,
        "run": decision.run or None,
        "decided_at": iso(decision.decided_at),
        "asked_by": {"kind": decision.asked_by_kind, "label": decision.asked_by_label},
        "facts": shown.facts,
        "agents": shown.targets,
        "trace": shown.trace,
        "names_withheld": shown.withheld,
    }


def summary_as_json(decision: Decision) -> dict[str, Any]:
    version = decision.rule_set_version
    return {
        "id": decision.pk,
        "kind": decision.kind,
        "agent": decision.outcome.get("agent"),
        "rule": decision.outcome["rule"],
        "reason": decision.outcome["reason"],
        "rule_set": {"slug": version.rule_set.slug, "version": version.number, "digest": version.digest},
        "task_type": decision.task_type or None,
        "run": decision.run or None,
        "digest": decision.digest,
        "decided_at": iso(decision.decided_at),
    }


def shown_decision(decision: Decision, principal: Principal, agent: AuthenticatedAgent | None = None) -> Shown:
    """A recorded decision for its reader, told from its own trail and not decided anew."""
    version = decision.rule_set_version
    table = decider_of(version, slug=version.rule_set.slug).table
    facts = facts_from(decision.facts)
    tried = tuple(
        (int(place), int(code)) for place, _, code in (step.partition(":") for step in decision.tried.split())
    )
    rule = next((place for place, each in enumerate(table.rules) if each.name == decision.outcome["rule"]), None)
    verdict = Verdict(decision.kind, rule, tried, decision.outcome)  # type: ignore[arg-type]
    return show(table, facts, verdict, known=known_contracts(principal, facts, agent))


def _without_names(facts: Facts) -> Facts:
    values = {name: (WITHHELD,) if name in _NAMING and value else value for name, value in facts.values.items()}
    return replace(facts, values=values)


def _target(target: TargetFacts, known: Collection[str]) -> dict[str, Any]:
    context = target.context
    told: Mapping[str, Any] = {
        "agent": target.agent,
        "contract": target.contract,
        "state": target.state,
        "facts": plain(target.values),
        "holds_contract": context is not None or target.state != "sanctioned",
        "complete": context.complete if context is not None else None,
        "gaps": [dict(gap) for gap in context.gaps] if context is not None and target.contract in known else [],
    }
    return dict(told)
