"""Flows as records that change through review and publication (governance/governed.py); must not start one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.flows.checks import check_flow
from agents.flows.definition import definition_of
from agents.models import Flow, FlowVersion
from agents.named_records import NamedRecord
from agents.problems import ProblemsFound
from context.access import Principal
from governance.governed import Payload


class FlowInvalid(ProblemsFound):
    """A flow has faults."""

    type = "flow-invalid"
    title = "The flow cannot be used"


class FlowRecord(NamedRecord):
    """The kind of record `flow`."""

    name = "flow"
    noun = "Flow"
    plural = "Flows"
    own: Mapping[str, tuple[str, Any]] = {
        "input_schema": ("What it is started with", {"type": "object"}),
        "steps": ("Steps", []),
        "output": ("Output", []),
        "triggers": ("Triggers", []),
    }
    named: Sequence[str] = ("steps", "triggers")
    reserved = ("new", "check", "runs", "map")
    largest = 500_000
    too_large = ("steps", "Split it into several.")
    records = Flow
    versions = FlowVersion
    path = "flows"

    def check(self, payload: Payload, *, key: str, principal: Principal) -> None:
        faults = [each for each in check_flow(payload, principal=principal).problems if each.level == "error"]
        if faults:
            raise FlowInvalid.of(faults)

    def counts(self, payload: Payload) -> Mapping[str, int]:
        return {"steps": len(payload["steps"]), "triggers": len(payload["triggers"])}

    def repeat(self, record: Any, payload: Payload) -> None:
        super().repeat(record, payload)
        record.entry_contracts = sorted({step.contract for step in definition_of(payload).first})


RECORD = FlowRecord()
