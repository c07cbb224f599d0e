"""What a rule set says, once it is read and typed: task types, rules, outcomes; must not read JSON or decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agents.routing.conditions import Expression
from agents.routing.facts import Fact, FactType
from agents.routing.operators import Condition


@dataclass(frozen=True, kw_only=True, slots=True)
class Clue:
    """One way to know a task's type: any (or `every`) of these words, a pattern, or the value of a field."""

    words: tuple[str, ...] = ()
    every: bool = False
    pattern: str = ""
    field: str = ""
    equals: str | float | int | bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskType:
    """A kind of task, the contract that says what context it needs, and how free text is known to be one."""

    name: str
    label: str
    contract: str
    clues: tuple[Clue, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskField:
    """A field of the task that rules may ask about: `path` leads to it, by dots."""

    name: str
    type: FactType
    label: str
    path: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """An agent that a route leads to. Without a contract of its own it takes the task type's."""

    agent: str
    contract: str = ""
    weight: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class WhenIncomplete:
    """What happens where no agent of the route has the context that its contract requires."""

    do: Literal["refuse", "narrower", "person", "wait"] = "refuse"
    targets: tuple[Target, ...] = ()
    to: str = ""
    hours: int = 0
    then: Literal["refuse", "person"] = "refuse"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a rule leads to. `nobody` says what happens where none of its agents may take any task."""

    do: Literal["agent", "human", "refuse"]
    targets: tuple[Target, ...] = ()
    balance: Literal["order", "weights"] = "order"
    incomplete: WhenIncomplete = WhenIncomplete()
    nobody: Literal["refuse", "next", "person"] = "refuse"
    to: str = ""
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One row: every condition has to hold, then the expression; `about_agents` keeps the targets that meet them."""

    name: str
    conditions: tuple[Condition, ...]
    about_agents: tuple[Condition, ...]
    expression: Expression | None
    outcome: Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A whole rule set, ready to decide. `digest` is of the payload it was read from; `salt` goes into the weights."""

    slug: str
    number: int
    digest: str
    task_types: tuple[TaskType, ...]
    fields: tuple[TaskField, ...]
    rules: tuple[Rule, ...]
    otherwise: Outcome
    otherwise_is_stated: bool
    classifier: str
    vocabulary: Mapping[str, Fact]

    def contract_of(self, task_type: str | None) -> str:
        """The contract of that type of task; empty where there is none."""
        return next((each.contract for each in self.task_types if each.name == task_type), "")

    def pairs_for(self, task_type: str | None, *, narrower: bool = False) -> tuple[tuple[str, str], ...]:
        """Each agent with its contract that rules lead a task of that type to, or that are narrower, in order."""
        usual = self.contract_of(task_type)
        found: dict[tuple[str, str], None] = {}
        for rule in self.rules:
            if all(each.fact.name != "task.type" or each.test()(task_type) for each in rule.conditions):
                for target in rule.outcome.incomplete.targets if narrower else rule.outcome.targets:
                    if target.contract or usual:
                        found[target.agent, target.contract or usual] = None
        return tuple(found)

    def asks_about(self, name: str) -> bool:
        """Whether any rule asks about that fact."""
        return any(
            any(each.fact.name == name for each in (*rule.conditions, *rule.about_agents))
            or (rule.expression is not None and any(fact.name == name for fact in rule.expression.wants))
            for rule in self.rules
        )
