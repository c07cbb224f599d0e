"""Which version of a contract an agent holds, and whether it may be given work under it now; must not give it any."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from agents.models import Agent, AgentState, ContractVersion


class HeldVersion(NamedTuple):
    """What names a contract version for good: its number in the database, the digest of its terms, and whose it is."""

    version_id: int
    digest: str
    contract_id: int


def held_versions(stated: str | None) -> dict[str, HeldVersion]:
    """By the slug of the contract, out of the JSON that a statement made: `{slug: [version, digest, contract]}`."""
    return {slug: HeldVersion(*held) for slug, held in orjson.loads(stated or "{}").items()}


def held_contract(*, agent: str, contract: str) -> tuple[Agent, ContractVersion] | None:
    """The agent and the version in force of its contract, both by their slugs. Two queries.

    None where the agent is not sanctioned or does not hold the contract, or where that is retired or in force nowhere.
    """
    holder = Agent.objects.filter(slug=agent, state=AgentState.SANCTIONED).first()
    if holder is None:
        return None
    held = (
        holder.contracts.select_related("current_version__contract")
        .filter(slug=contract, retired_at__isnull=True, current_version__isnull=False)
        .first()
    )
    return (holder, held.current_version) if held is not None and held.current_version is not None else None
