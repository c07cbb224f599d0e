"""Rule sets as records that change through review and publication (governance/governed.py); must not route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.models import RuleSet, RuleSetVersion
from agents.named_records import NamedRecord
from agents.problems import Problem
from agents.routing.checks import check_table
from agents.routing.normalising import normalised
from agents.routing.references import check_references
from agents.routing.table import DEFAULT_OTHERWISE, RuleSetInvalid, read_table
from context.access import Principal
from governance.governed import Payload


class RuleSetRecord(NamedRecord):
    """The kind of record `rule_set`."""

    name = "rule_set"
    noun = "Rule set"
    plural = "Rule sets"
    own: Mapping[str, tuple[str, Any]] = {
        "task_types": ("Types of task", []),
        "fields": ("Fields of the task", []),
        "rules": ("Rules", []),
        "otherwise": ("Otherwise", dict(DEFAULT_OTHERWISE)),
        "classifier": ("Classifier", ""),
    }
    named: Sequence[str] = ("task_types", "fields", "rules")
    reserved = ("new", "decisions")
    largest = 1_000_000
    too_large = ("rules", "Split it by types of task.")
    records = RuleSet
    versions = RuleSetVersion
    path = "routes"

    def normalised(self, payload: Payload) -> Payload:
        return normalised(payload)

    def check(self, payload: Payload, *, key: str, principal: Principal) -> None:
        faults = [problem for problem in problems_of(payload, slug=key) if problem.level == "error"]
        if faults:
            raise RuleSetInvalid.of(faults)

    def counts(self, payload: Payload) -> Mapping[str, int]:
        return {"rules": len(payload["rules"])}


RECORD = RuleSetRecord()


def problems_of(payload: Mapping[str, Any], *, slug: str = "") -> list[Problem]:
    """Everything found before saving: faults of shape and type, unknown names, then what is proved of the rules."""
    table, faults = read_table(payload, slug=slug)
    return faults if table is None else [*check_references(table), *check_table(table)]
