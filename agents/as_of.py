"""Who an agent was at a past moment: what it might read, which contracts it held; must not widen what it may now.

Rights are noted by the database whenever they change (agents/models/rights.py), contracts are versioned. Domains are
widened to those below them by the tree as it is: where domains hang is not remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from django.db import connection, transaction

from agents.authentication import AuthenticatedAgent
from agents.held_contracts import HeldVersion, held_versions
from agents.models import AgentState
from context.access import Principal
from context.errors import NotFound
from context.statements import rows

_THEN = """
SELECT rights.state, rights.clearance, rights.group_ids,
       ARRAY(WITH RECURSIVE reach (id) AS (
                 SELECT unnest(rights.domain_ids)
                 UNION
                 SELECT below.id FROM context_domain below JOIN reach ON below.parent_id = reach.id
             ) SELECT id FROM reach),
       (SELECT jsonb_object_agg(contract.slug, jsonb_build_array(version.id, version.digest, contract.id))
        FROM agents_contextcontract contract
        CROSS JOIN LATERAL (
            SELECT id, digest FROM agents_contractversion
            WHERE contract_id = contract.id AND created_at <= %(at)s ORDER BY number DESC LIMIT 1
        ) version
        WHERE contract.id = ANY (rights.contract_ids))
FROM agents_agentrights rights
WHERE rights.agent_id = %(agent)s AND rights.from_at <= %(at)s
ORDER BY rights.from_at DESC LIMIT 1
"""


def as_it_was(*, agent: AuthenticatedAgent, contract: str, at: datetime) -> AuthenticatedAgent:
    """The agent with the version of this contract that it held then, and reading as it might then. One statement.

    What it may not do now it may not do of the past: a contract taken away since is not there. NotFound where it
    holds the contract, but did not then.
    """
    if contract not in agent.contracts:
        raise NotFound("There is no such contract.", field="contract")
    principal, held = held_then(principal=agent.principal, contract=contract, at=at)
    return replace(agent, principal=principal, contracts={contract: held})


def held_then(*, principal: Principal, contract: str, at: datetime) -> tuple[Principal, HeldVersion]:
    """An agent's principal as it reads that moment's texts, and the contract's version then."""
    then, held = rights_at(principal=principal, at=at)
    if then is None or contract not in held:
        raise NotFound(
            "The agent did not hold this contract at that moment.",
            field="as_of",
            fix="Ask about a later moment.",
        )
    return replace(principal, then=then), held[contract]


def rights_at(*, principal: Principal, at: datetime) -> tuple[Principal | None, dict[str, HeldVersion]]:
    """What the agent might read then, and the versions of its contracts by slug; nobody where it had no right.

    One statement.
    """
    found = rows(_THEN, {"agent": principal.id, "at": at})
    if not found or found[0][0] != AgentState.SANCTIONED:
        return None, {}
    _, clearance, groups, domains, contracts = found[0]
    then = replace(
        principal,
        clearance=clearance,
        groups=frozenset(groups),
        domains=frozenset(domains),
        roles=frozenset(),
        then=None,
    )
    return then, held_versions(contracts)


@contextmanager
def rights_begin(at: datetime) -> Iterator[None]:
    """Within, in one transaction, rights are noted as having begun then: for loading what happened before."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plumbline.rights_at', %s, true)", [at.isoformat()])
        yield
        cursor.execute("SELECT set_config('plumbline.rights_at', '', true)")
