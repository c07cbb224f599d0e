"""Says under which contract version an agent may be given work now; must not give it any."""

from __future__ import annotations

from agents.models import Agent, AgentState, ContractVersion


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
