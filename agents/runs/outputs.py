"""Judges the output of a run by its contract: its JSON Schema, then its output checks; must not move runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.authentication import AuthenticatedAgent
from agents.models import Run
from context import kinds


@dataclass(frozen=True, kw_only=True, slots=True)
class Failing:
    """One check that the output does not pass: which, where in the output, and in a sentence why."""

    check: str
    detail: str
    place: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"check": self.check, "detail": self.detail, "place": self.place}


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputVerdict:
    """What was found. `review_because` says why a person must look at an output that passes."""

    failing: Sequence[Failing] = field(default_factory=tuple)
    review_because: str = ""


def judge_output(*, run: Run, output: Any, agent: AuthenticatedAgent, now: datetime) -> OutputVerdict:
    """The verdict on an output, by the contract version that the run is bound to."""
    version = run.contract_version
    if version is None or version.output_schema is None:
        return OutputVerdict()
    return OutputVerdict(
        failing=[
            Failing(check="output_schema", detail=found.message, place=found.field)
            for found in kinds.violations(output, version.output_schema, root="output")
        ]
    )
