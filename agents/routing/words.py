"""Says rules in plain words, also those of a draft that is at fault; must not judge or decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.routing.facts import Fact, vocabulary
from agents.routing.operators import OPERATORS, said

EMPTY = "any task"


def facts_of_payload(payload: Mapping[str, Any]) -> dict[str, Fact]:
    """The facts that a payload's rules may ask about, as far as its declarations can be read."""
    types = [str(each.get("name", "")) for each in _objects(payload.get("task_types"))]
    fields = {
        str(each.get("name", "")): (each.get("type", "text"), str(each.get("label") or each.get("name", "")))
        for each in _objects(payload.get("fields"))
    }
    return vocabulary(task_types=types, fields=fields)


def labels_of(payload: Mapping[str, Any]) -> dict[str, str]:
    """What each type of task is called."""
    types = _objects(payload.get("task_types"))
    return {str(each.get("name", "")): str(each.get("label") or each.get("name", "")) for each in types}


def conditions_in_words(
    rule: Mapping[str, Any], facts: Mapping[str, Fact], labels: Mapping[str, str] | None = None
) -> list[str]:
    """Each condition of a rule, its CEL condition last. `labels` gives types of task by their names."""
    told = [_condition(cell, facts, labels or {}) for cell in _objects(rule.get("when"))]
    return [*told, *([str(rule["condition"])] if rule.get("condition") else [])]


def outcome_in_words(outcome: Any, names: Mapping[str, str]) -> str:
    """Where a rule leads. `names` gives agents by their slugs."""
    if not isinstance(outcome, Mapping):
        return "nowhere yet"
    why = f": {outcome['why']}" if outcome.get("why") else ""
    match outcome.get("do"):
        case "agent":
            listed = [_target(each, names) for each in _objects(outcome.get("targets"))]
            if outcome.get("balance") == "weights" and len(listed) > 1:
                shares = [f"{_target(each, names)} ({each.get('weight', 1)})" for each in _objects(outcome["targets"])]
                return f"shared by {_and(shares)}"
            return ", else ".join(listed) if listed else "nobody yet"
        case "human":
            return f"a person ({person_in_words(outcome.get('to'))}){why}"
        case "refuse":
            return f"refused{why}"
    return "nowhere yet"


def incomplete_in_words(outcome: Any, names: Mapping[str, str]) -> str:
    """What happens where context is incomplete; empty where the rule leads to no agent."""
    if not isinstance(outcome, Mapping) or outcome.get("do") != "agent":
        return ""
    incomplete = outcome.get("incomplete") or {}
    match incomplete.get("do", "refuse"):
        case "narrower":
            return f"the narrower {_and([_target(each, names) for each in _objects(incomplete.get('targets'))])}"
        case "person":
            return f"a person ({person_in_words(incomplete.get('to'))})"
        case "wait":
            then = "a person" if incomplete.get("then") == "person" else "refused"
            return f"wait {incomplete.get('hours', '?')} h for the owner, then {then}"
    return "refused"


def person_in_words(to: Any) -> str:
    """Which person, as `owner`, `the group counsel`."""
    if not isinstance(to, str) or not to:
        return "nobody named"
    kind, _, name = to.partition(":")
    return f"the group {name}" if kind == "group" and name else name or f"the {to}"


def _condition(cell: Mapping[str, Any], facts: Mapping[str, Fact], labels: Mapping[str, str]) -> str:
    fact, operator = facts.get(str(cell.get("fact"))), OPERATORS.get(str(cell.get("op")))
    label = fact.label if fact is not None else str(cell.get("fact") or "?")
    words = operator.words if operator is not None else str(cell.get("op") or "?")
    value = cell.get("value")
    if fact is not None and fact.name == "task.type":
        named = value if isinstance(value, list) else [value]
        value = [labels.get(str(each), each) for each in named]
    if operator is not None and operator.takes == "two" and isinstance(value, list) and len(value) == 2:
        return f"{label} {words} {said(value[0])} and {said(value[1])}"
    return f"{label} {words} {said(value)}".rstrip()


def _target(stated: Mapping[str, Any], names: Mapping[str, str]) -> str:
    name = names.get(str(stated.get("agent")), str(stated.get("agent") or "?"))
    return f"{name} under {stated['contract']}" if stated.get("contract") else name


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}" if parts else "nobody yet"


def _objects(stated: Any) -> list[Mapping[str, Any]]:
    return [each for each in stated if isinstance(each, Mapping)] if isinstance(stated, list) else []
