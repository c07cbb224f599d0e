"""The records of the agents floor: agents, keys, contracts, and what was served or refused."""

from __future__ import annotations

from agents.models.bundles import Bundle, Receipt, Refusal
from agents.models.contracts import ContextContract, ContractVersion, WhenIncomplete
from agents.models.registry import Agent, AgentKey, AgentState, Scope

__all__ = [
    "Agent",
    "AgentKey",
    "AgentState",
    "Bundle",
    "ContextContract",
    "ContractVersion",
    "Receipt",
    "Refusal",
    "Scope",
    "WhenIncomplete",
]
