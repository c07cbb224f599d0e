"""The facts that routes may ask about, each with its type, and one decision's values of them; must not decide.

`context.*` says how the best-placed agent of the routes stands; what each agent lacks itself stands with the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

FactType = Literal["text", "number", "integer", "truth", "set"]
Value = str | float | int | bool | tuple[str, ...]

LONGEST_TEXT = 1_000
MOST_ELEMENTS = 200
MOST_GAPS = 50
LATENCIES = ("interactive", "standard", "batch", "unknown")
HEALTHS = ("healthy", "degraded", "down", "unknown")
TYPED_BY = ("given", "declared rule", "classifier", "nothing")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One fact: `values` closes a text to these; an `optional` one may be absent; `per_agent` differs by target."""

    name: str
    type: FactType
    label: str
    values: tuple[str, ...] = ()
    optional: bool = False
    per_agent: bool = False


_COMMON = (
    Fact(name="task.typed_by", type="text", label="how its type is known", values=TYPED_BY),
    Fact(name="classifier.label", type="text", label="the classifier's label", optional=True),
    Fact(name="classifier.score", type="number", label="the classifier's score", optional=True),
    Fact(name="context.complete", type="truth", label="an agent has all required context"),
    Fact(name="context.available", type="integer", label="how many requirements are met"),
    Fact(name="context.agents", type="integer", label="how many agents have all required context"),
    Fact(name="context.missing", type="set", label="what is missing"),
    Fact(name="context.stale", type="set", label="what is out of date"),
    Fact(name="context.unverified", type="set", label="what nobody has verified"),
    Fact(name="context.contradicted", type="set", label="what is contradicted"),
    Fact(name="context.epoch", type="integer", label="the epoch of the context", optional=True),
    Fact(name="caller.kind", type="text", label="who asks", values=("agent", "person", "system")),
    Fact(name="caller.name", type="text", label="the name of who asks"),
    Fact(name="caller.clearance", type="integer", label="the clearance of who asks"),
    Fact(name="caller.roles", type="set", label="the roles of who asks"),
    Fact(name="agent.capabilities", type="set", label="what the agent can do", per_agent=True),
    Fact(name="agent.clearance", type="integer", label="the agent's clearance", per_agent=True),
    Fact(name="agent.health", type="text", label="the agent's health", values=HEALTHS, per_agent=True),
    Fact(name="agent.latency", type="text", label="the agent's latency class", values=LATENCIES, per_agent=True),
    Fact(name="agent.price_in", type="number", label="its price per million tokens in", optional=True, per_agent=True),
    Fact(
        name="agent.price_out", type="number", label="its price per million tokens out", optional=True, per_agent=True
    ),
    Fact(name="agent.load", type="integer", label="the runs it has in hand", optional=True, per_agent=True),
    Fact(name="agent.budget_left", type="number", label="what is left of its budget", optional=True, per_agent=True),
)


def vocabulary(*, task_types: Sequence[str], fields: Mapping[str, tuple[FactType, str]]) -> dict[str, Fact]:
    """Every fact of a rule set that declares these task types and these fields of tasks (name → type, label)."""
    found = {
        "task.type": Fact(
            name="task.type", type="text", label="the task's type", values=tuple(task_types), optional=True
        )
    }
    for name, (kind, label) in fields.items():
        found[f"field.{name}"] = Fact(name=f"field.{name}", type=kind, label=label or name, optional=True)
    return found | {fact.name: fact for fact in _COMMON}


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetContext:
    """What one agent would have under one contract: its gaps as JSON, and how many requirements are met.

    It was judged at that moment of the database; time alone may take one of its texts away at `stands_until`. Neither
    is a fact, nor recorded.
    """

    complete: bool
    available: int = 0
    gaps: tuple[Mapping[str, Any], ...] = ()
    judged_at: datetime | None = field(default=None, compare=False)
    stands_until: datetime | None = field(default=None, compare=False)

    def as_json(self) -> dict[str, Any]:
        return {"complete": self.complete, "available": self.available, "gaps": [dict(gap) for gap in self.gaps]}


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetFacts:
    """What is known of one agent under one contract. `context` is None where it does not hold that contract."""

    agent: str
    contract: str
    state: str
    values: Mapping[str, Value]
    context: TargetContext | None

    def as_json(self) -> dict[str, Any]:
        return {
            "agent": self.agent,
            "contract": self.contract,
            "state": self.state,
            "values": plain(self.values),
            "context": self.context.as_json() if self.context is not None else None,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """All that one decision is made from. `run` is what weights are hashed from; `at` a moment as `iso` writes it."""

    run: str
    at: str
    values: Mapping[str, Value]
    targets: Mapping[tuple[str, str], TargetFacts] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "at": self.at,
            "values": plain(self.values),
            "targets": [self.targets[key].as_json() for key in sorted(self.targets)],
        }


def facts_from(recorded: Mapping[str, Any]) -> Facts:
    """The facts that `as_json` wrote."""
    targets = {}
    for each in recorded["targets"]:
        stated = each["context"]
        context = (
            None
            if stated is None
            else TargetContext(complete=stated["complete"], available=stated["available"], gaps=tuple(stated["gaps"]))
        )
        targets[each["agent"], each["contract"]] = TargetFacts(
            agent=each["agent"],
            contract=each["contract"],
            state=each["state"],
            values=_values(each["values"]),
            context=context,
        )
    return Facts(run=recorded["run"], at=recorded["at"], values=_values(recorded["values"]), targets=targets)


def context_values(targets: Sequence[TargetFacts]) -> dict[str, Value]:
    """The facts `context.*` of these targets: those of the first that lacks least, and how many lack nothing."""
    known = [target.context for target in targets if target.context is not None and target.state == "sanctioned"]
    best = min(known, key=_lacking, default=None)
    gaps = best.gaps if best is not None else ()
    return {
        "context.complete": best is not None and best.complete,
        "context.available": best.available if best is not None else 0,
        "context.agents": sum(each.complete for each in known),
        **{f"context.{code}": _coded(gaps, code) for code in ("missing", "stale", "unverified", "contradicted")},
    }


def plain(values: Mapping[str, Value]) -> dict[str, Any]:
    """Values as JSON has them, sets as sorted lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in sorted(values.items())}


def _values(recorded: Mapping[str, Any]) -> dict[str, Value]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in recorded.items()}


def _lacking(context: TargetContext) -> int:
    return sum(1 for gap in context.gaps if gap.get("required", True))


def _coded(gaps: Sequence[Mapping[str, Any]], code: str) -> tuple[str, ...]:
    return tuple(sorted({str(gap["requirement"]) for gap in gaps if gap["code"] == code}))[:MOST_ELEMENTS]
