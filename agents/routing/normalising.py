"""Writes a rule set one way: what says nothing beyond the default is left out; must not change what a rule does.

So a rule that was opened and closed again shows no difference, and the same rules have the same digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OUTCOME_DEFAULTS: Mapping[str, Any] = {"balance": "order", "nobody": "refuse", "why": "", "to": ""}


def normalised(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload with defaults left out of its rules, types and fields; what is malformed stays as it is."""
    return {
        **payload,
        "task_types": _each(payload.get("task_types"), _task_type),
        "fields": _each(payload.get("fields"), _field),
        "rules": _each(payload.get("rules"), _rule),
        "otherwise": _outcome(payload.get("otherwise")),
    }


def _each(stated: Any, one: Any) -> Any:
    return [one(each) if isinstance(each, Mapping) else each for each in stated] if isinstance(stated, list) else stated


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    found = {**rule, "then": _outcome(rule.get("then"))}
    if not found.get("condition"):
        found.pop("condition", None)
    if isinstance(found.get("when"), list):
        found["when"] = [_cell(each) if isinstance(each, Mapping) else each for each in found["when"]]
    return found


def _cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(cell)
    value = found.get("value")
    if value is None:
        found.pop("value", None)
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        found["value"] = int(value)
    return found


def _outcome(stated: Any) -> Any:
    if not isinstance(stated, Mapping):
        return stated
    found = {name: value for name, value in stated.items() if _OUTCOME_DEFAULTS.get(name) != value}
    if found.get("incomplete") in ({"do": "refuse"}, {}, None):
        found.pop("incomplete", None)
    elif isinstance(found["incomplete"], Mapping):
        incomplete = {name: value for name, value in found["incomplete"].items() if value not in ("", None)}
        if "targets" in incomplete:
            incomplete["targets"] = _each(incomplete["targets"], _target)
        found["incomplete"] = incomplete
    if "targets" in found:
        found["targets"] = _each(found["targets"], _target)
    return found


def _target(target: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(target)
    if not found.get("contract"):
        found.pop("contract", None)
    if found.get("weight") == 1 and not isinstance(found["weight"], bool):
        found.pop("weight")
    return found


def _task_type(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stated.items() if name not in ("label", "clues") or value not in ("", [])}


def _field(stated: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in stated.items() if value != "" or name in ("name", "type")}
    if kept.get("path") == kept.get("name"):
        kept.pop("path", None)
    return kept
