"""What is known now of the agents that a table may lead to, and what context each would have; must not decide.

Each agent's context is resolved as that agent: with its clearance, its audiences and its domains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.contracts import terms_of
from agents.held_contracts import HeldVersion, held_versions
from agents.routing.definitions import Table
from agents.routing.facts import MOST_GAPS, TargetContext, TargetFacts, Value
from context.access import Principal
from context.availability import Availability, resolve
from context.requirements import Requirement
from context.row_security import reading_as
from context.statements import rows

LOAD, BUDGET_LEFT = "agent.load", "agent.budget_left"


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """An agent of a table as it stands: who it reads as, and the version of each contract that it holds."""

    principal: Principal
    slug: str
    state: str
    values: Mapping[str, Value]
    contracts: Mapping[str, HeldVersion]


# What every route may ask of an agent comes along; runs and budgets are counted only for a table that asks.
AGENTS = """
SELECT agent.id, agent.slug, agent.name, agent.state, agent.clearance,
       ARRAY(SELECT group_id FROM agents_agent_audiences WHERE agent_id = agent.id),
       ARRAY(WITH RECURSIVE reach (id) AS (
                 SELECT domain_id FROM agents_agent_domains WHERE agent_id = agent.id
                 UNION
                 SELECT below.id FROM context_domain below JOIN reach ON below.parent_id = reach.id
             ) SELECT id FROM reach),
       (SELECT jsonb_object_agg(contract.slug, jsonb_build_array(version.id, version.digest, contract.id))
        FROM agents_agent_contracts assigned
        JOIN agents_contextcontract contract ON contract.id = assigned.contextcontract_id
        JOIN agents_contractversion version ON version.id = contract.current_version_id
        WHERE assigned.agent_id = agent.id),
       agent.capabilities || coalesce(model.capabilities, '{}'),
       CASE endpoint.state WHEN 'promoted' THEN endpoint.health WHEN 'suspended' THEN 'down' ELSE 'unknown' END,
       coalesce(model.latency, 'unknown'), model.price_in::float8, model.price_out::float8,
       CASE WHEN %(load)s THEN (
           SELECT count(*) FROM agents_run run WHERE run.agent_id = agent.id AND run.state IN ('queued', 'running')
       ) END,
       CASE WHEN %(budget)s THEN (
           SELECT min(budget.cost - coalesce((
               SELECT sum(use.cost) FROM agents_dailyuse use WHERE use.agent_id = agent.id
               AND use.day >= (date_trunc(budget.period, statement_timestamp(), 'UTC') AT TIME ZONE 'UTC')::date
           ), 0))::float8
           FROM agents_budget budget WHERE budget.agent_id = agent.id AND budget.cost IS NOT NULL
       ) END
FROM agents_agent agent
LEFT JOIN agents_modelendpoint endpoint ON endpoint.id = agent.endpoint_id
LEFT JOIN agents_endpointversion model ON model.id = endpoint.current_version_id
WHERE agent.slug = ANY (%(slugs)s::text[])
"""


def candidates_of(slugs: Sequence[str], *, load: bool, budget: bool) -> dict[str, Candidate]:
    """These agents, by slug; those that do not exist are absent. One statement."""
    found = {}
    for row in rows(AGENTS, {"slugs": sorted(set(slugs)), "load": load, "budget": budget}):
        agent_id, slug, name, state, clearance, groups, domains, contracts, capabilities, health = row[:10]
        latency, price_in, price_out, in_hand, left = row[10:]
        values: dict[str, Value] = {
            "agent.capabilities": tuple(sorted(set(capabilities))),
            "agent.clearance": clearance,
            "agent.health": health,
            "agent.latency": latency,
        }
        optional = (
            ("agent.price_in", price_in),
            ("agent.price_out", price_out),
            (LOAD, in_hand),
            (BUDGET_LEFT, left),
        )
        values |= {name: value for name, value in optional if value is not None}
        found[slug] = Candidate(
            principal=Principal(
                kind="agent",
                id=agent_id,
                label=name,
                clearance=clearance,
                groups=frozenset(groups),
                domains=frozenset(domains),
            ),
            slug=slug,
            state=state,
            values=values,
            contracts=held_versions(contracts),
        )
    return found


def changes_by_itself(table: Table) -> bool:
    """Whether the table asks how busy agents are or what they have left: that changes with every run."""
    return any(each.fact.name in (LOAD, BUDGET_LEFT) for rule in table.rules for each in rule.about_agents)


def candidates_for(table: Table, task_type: str | None) -> dict[str, Candidate]:
    """The agents that the table may lead to for a task of that type. One statement."""
    asked = {each.fact.name for rule in table.rules for each in rule.about_agents}
    slugs = [agent for narrower in (False, True) for agent, _ in table.pairs_for(task_type, narrower=narrower)]
    return candidates_of(slugs, load=LOAD in asked, budget=BUDGET_LEFT in asked) if slugs else {}


def targets_for(
    pairs: Sequence[tuple[str, str]],
    candidates: Mapping[str, Candidate],
    contexts: Mapping[tuple[str, str], TargetContext],
) -> dict[tuple[str, str], TargetFacts]:
    """The facts of each agent under each contract; agents that do not exist are left out."""
    return {
        (agent, contract): TargetFacts(
            agent=agent,
            contract=contract,
            state=known.state,
            values=known.values,
            context=contexts.get((agent, contract)),
        )
        for agent, contract in pairs
        if (known := candidates.get(agent)) is not None
    }


def contexts_of(
    pairs: Sequence[tuple[str, str]], candidates: Mapping[str, Candidate]
) -> dict[tuple[str, str], TargetContext]:
    """What each sanctioned agent has under each contract that it holds, resolved as that agent.

    Agents that read alike are asked for once a contract.
    """
    found: dict[tuple[str, str], TargetContext] = {}
    shared: dict[Any, TargetContext] = {}
    for agent, contract, requirements in held(pairs, candidates):
        principal = candidates[agent].principal
        key = (contract, principal.clearance, principal.groups, principal.domains)
        if key not in shared:
            with reading_as(principal):
                shared[key] = context_of(resolve(principal=principal, requirements=requirements))
        found[agent, contract] = shared[key]
    return found


def held(
    pairs: Sequence[tuple[str, str]], candidates: Mapping[str, Candidate]
) -> list[tuple[str, str, tuple[Requirement, ...]]]:
    """Of these pairs those whose agent is sanctioned and holds the contract, with what that requires."""
    return [
        (agent, contract, terms_of(*known.contracts[contract])[1])
        for agent, contract in pairs
        if (known := candidates.get(agent)) is not None and known.state == "sanctioned" and contract in known.contracts
    ]


def context_of(available: Availability) -> TargetContext:
    """What routing keeps of an availability."""
    looked_at = (*available.chosen, *(each.version for each in available.passed_over))
    ends = [each.lease_until for each in looked_at if each is not None and each.lease_until is not None]
    met = {chosen.requirement.name for chosen in available.chosen} - {gap.requirement for gap in available.gaps}
    required_first = sorted(available.gaps, key=lambda gap: not gap.required)
    return TargetContext(
        complete=available.complete,
        available=len(met),
        gaps=tuple(gap.as_json() for gap in required_first[:MOST_GAPS]),
        judged_at=available.at,
        stands_until=min((end for end in ends if end > available.at), default=None),
    )
