"""The records of the agents floor: agents, keys, contracts, and what was served or refused."""

from __future__ import annotations

from agents.models.budgets import Budget, DailyUse
from agents.models.bundles import Bundle, Receipt, ReceiptKind, ReceiptSeal, Refusal
from agents.models.contracts import ContextContract, ContractVersion, WhenIncomplete
from agents.models.coverage import KeyMisuse, MisuseReason, Question
from agents.models.dispatch import PushTarget
from agents.models.endpoints import EndpointState, EndpointVersion, Health, Latency, ModelEndpoint
from agents.models.feedback import Feedback, FeedbackKind, FeedbackState, TextPrint
from agents.models.flows import (
    Flow,
    FlowEvent,
    FlowEventState,
    FlowRun,
    FlowRunState,
    FlowRunStep,
    FlowStepRun,
    FlowStepState,
    FlowVersion,
    TriggerSecret,
    TryBecause,
)
from agents.models.memory import MemoryEntry
from agents.models.recall import RecallCase, RecallEntry, RecallEntryState
from agents.models.registry import Agent, AgentKey, AgentState, Scope
from agents.models.rights import AgentRights
from agents.models.routing import Decision, RuleSet, RuleSetVersion
from agents.models.run_reviews import RunReview, RunReviewDecision
from agents.models.run_work import HandOff, LeaseEnding, Operation, RunBundle, RunLease, RunStep, StepState
from agents.models.runs import FINAL_STATES, Run, RunState
from agents.models.traces import TraceExport
from agents.models.unsanctioned import UnsanctionedUse, UseKind, UseState

__all__ = [
    "FINAL_STATES",
    "Agent",
    "AgentKey",
    "AgentRights",
    "AgentState",
    "Budget",
    "Bundle",
    "ContextContract",
    "ContractVersion",
    "DailyUse",
    "Decision",
    "EndpointState",
    "EndpointVersion",
    "Feedback",
    "FeedbackKind",
    "FeedbackState",
    "Flow",
    "FlowEvent",
    "FlowEventState",
    "FlowRun",
    "FlowRunState",
    "FlowRunStep",
    "FlowStepRun",
    "FlowStepState",
    "FlowVersion",
    "HandOff",
    "Health",
    "KeyMisuse",
    "Latency",
    "LeaseEnding",
    "MemoryEntry",
    "MisuseReason",
    "ModelEndpoint",
    "Operation",
    "PushTarget",
    "Question",
    "RecallCase",
    "RecallEntry",
    "RecallEntryState",
    "Receipt",
    "ReceiptKind",
    "ReceiptSeal",
    "Refusal",
    "RuleSet",
    "RuleSetVersion",
    "Run",
    "RunBundle",
    "RunLease",
    "RunReview",
    "RunReviewDecision",
    "RunState",
    "RunStep",
    "Scope",
    "StepState",
    "TextPrint",
    "TraceExport",
    "TriggerSecret",
    "TryBecause",
    "UnsanctionedUse",
    "UseKind",
    "UseState",
    "WhenIncomplete",
]
