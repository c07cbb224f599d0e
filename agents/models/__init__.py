"""The records of the agents floor: agents, keys, contracts, and what was served or refused."""

from __future__ import annotations

from agents.models.budgets import Budget
from agents.models.bundles import Bundle, Receipt, Refusal
from agents.models.contracts import ContextContract, ContractVersion, WhenIncomplete
from agents.models.registry import Agent, AgentKey, AgentState, Scope
from agents.models.run_work import HandOff, LeaseEnding, Operation, RunBundle, RunLease, RunStep, StepState
from agents.models.runs import FINAL_STATES, Run, RunState

__all__ = [
    "FINAL_STATES",
    "Agent",
    "AgentKey",
    "AgentState",
    "Budget",
    "Bundle",
    "ContextContract",
    "ContractVersion",
    "HandOff",
    "LeaseEnding",
    "Operation",
    "Receipt",
    "Refusal",
    "Run",
    "RunBundle",
    "RunLease",
    "RunState",
    "RunStep",
    "Scope",
    "StepState",
    "WhenIncomplete",
]
