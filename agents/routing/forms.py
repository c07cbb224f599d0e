"""The decision table as a form that works without JavaScript, and back; must not save or judge what was typed.

Every rule but the one that is open travels as JSON in a hidden field, so that a table of hundreds stays light. Each
button sends the whole form; the table comes back with that step done, and nothing is saved until it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from agents.routing.facts import Fact
from agents.routing.operators import OPERATORS
from agents.routing.words import facts_of_payload

MOST_ROWS = 500
BLANK_CELLS = 2


@dataclass(kw_only=True)
class RuleSetForm:
    """What was typed: the payload as it reads so far, and the place of the rule that is open, None where none is."""

    payload: dict[str, Any]
    slug: str = ""
    reason: str = ""
    change_id: int | None = None
    base_version: int | None = None
    opened: int | None = None
    unread: list[str] = field(default_factory=list)


def read_form(posted: QueryDict, *, base: Mapping[str, Any]) -> RuleSetForm:
    """The form as posted, with the one step done that its button asks for (`do`, such as `up:3`)."""
    form = RuleSetForm(payload=dict(base), slug=posted.get("slug", "").strip(), reason=posted.get("reason", "").strip())
    form.change_id, form.base_version = _number(posted.get("change")), _number(posted.get("base_version"))
    for name in ("name", "purpose", "classifier"):
        form.payload[name] = posted.get(name, "").strip()
    form.payload["domain"] = posted.get("domain") or None
    form.payload["owner"] = posted.get("owner") or None
    form.payload["sensitivity"] = posted.get("sensitivity") or "internal"
    form.payload["fields"] = _fields(posted)
    form.payload["task_types"] = _task_types(posted, form)
    facts = facts_of_payload(form.payload)
    form.payload["rules"] = [_hidden(text, form) for text in posted.getlist("rule")[:MOST_ROWS]]
    form.payload["otherwise"] = _otherwise(posted)
    form.opened = _number(posted.get("opened"))
    if form.opened is not None and form.opened < len(form.payload["rules"]):
        form.payload["rules"][form.opened] = _opened(posted, facts)
    else:
        form.opened = None
    _step(form, posted.get("do", ""))
    return form


def cells_of(rule: Mapping[str, Any]) -> list[dict[str, str]]:
    """The conditions of the open rule as their fields show them, with blank ones to fill."""
    cells = [
        {"fact": str(cell.get("fact", "")), "op": str(cell.get("op", "")), "value": written(cell.get("value"))}
        for cell in rule.get("when") or []
        if isinstance(cell, Mapping)
    ]
    return [*cells, *({"fact": "", "op": "", "value": ""} for _ in range(BLANK_CELLS))]


def targets_of(stated: Any) -> list[dict[str, str]]:
    """Targets as their fields show them, with a blank one to fill."""
    rows = [
        {"agent": str(each.get("agent", "")), "contract": str(each.get("contract") or ""),
         "weight": str(each.get("weight", 1))}
        for each in stated or []
        if isinstance(each, Mapping)
    ]  # fmt: skip
    return [*rows, {"agent": "", "contract": "", "weight": "1"}]


def clues_as_text(clues: Any) -> str:
    """Clues one a line, as `_clues` reads them."""
    lines = []
    for each in clues or []:
        if each.get("words"):
            lines.append(f"{'all words' if each.get('every') else 'words'}: {', '.join(each['words'])}")
        elif each.get("pattern"):
            lines.append(f"pattern: {each['pattern']}")
        else:
            lines.append(f"field: {each.get('field', '')} = {written(each.get('equals'))}")
    return "\n".join(lines)


def written(value: Any) -> str:
    """A value as it is typed."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ", ".join(written(each) for each in value)
        case _:
            return str(value)


def typed(text: str, kind: str) -> Any:
    """What was typed as a value of that type; as text where it is none, so that the check says so."""
    stripped = text.strip()
    if kind == "truth" and stripped.lower() in ("true", "false", "yes", "no"):
        return stripped.lower() in ("true", "yes")
    if kind in ("number", "integer"):
        plain = stripped.replace(" ", "").replace("_", "")
        try:
            return int(plain)
        except ValueError:
            try:
                return float(plain)
            except ValueError:
                return stripped
    return stripped


def _step(form: RuleSetForm, do: str) -> None:
    """Carry out what a button of the table asks for."""
    rules = form.payload["rules"]
    verb, _, at = do.partition(":")
    place = _number(at)
    if verb == "add":
        rules.append({"name": f"Rule {len(rules) + 1}", "when": [], "then": {"do": "refuse"}})
        form.opened = len(rules) - 1
        return
    if verb in ("save", "check", "try"):
        return
    if verb == "close":
        form.opened = None
    if place is None or place >= len(rules):
        return
    if verb == "open":
        form.opened = place
    elif verb == "remove":
        del rules[place]
        form.opened = None
    elif verb in ("up", "down"):
        other = place + (1 if verb == "down" else -1)
        if 0 <= other < len(rules):
            rules[place], rules[other] = rules[other], rules[place]
            form.opened = None


def _hidden(text: str, form: RuleSetForm) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        form.unread.append("A rule could not be read. Open the table again and make the edit anew.")
        return {"name": "unread", "when": [], "then": {"do": "refuse"}}
    return read


def _opened(posted: QueryDict, facts: Mapping[str, Fact]) -> dict[str, Any]:
    """The rule that is open, from its fields."""
    when = []
    for name, op, text in zip(
        posted.getlist("when-fact"), posted.getlist("when-op"), posted.getlist("when-value"), strict=False
    ):
        if name:
            when.append(_cell(name, op, text, facts))
    rule: dict[str, Any] = {"name": posted.get("rule-name", "").strip(), "when": when, "then": _outcome(posted, "then")}
    condition = posted.get("condition", "").strip()
    return {**rule, "condition": condition} if condition else rule


def _cell(name: str, op: str, text: str, facts: Mapping[str, Fact]) -> dict[str, Any]:
    operator, fact = OPERATORS.get(op), facts.get(name)
    if operator is None or operator.takes == "nothing":
        return {"fact": name, "op": op}
    kind = fact.type if fact is not None else "text"
    if operator.takes == "one":
        return {"fact": name, "op": op, "value": typed(text, kind)}
    return {"fact": name, "op": op, "value": [typed(part, kind) for part in text.split(",") if part.strip()]}


def _outcome(posted: QueryDict, prefix: str) -> dict[str, Any]:
    do = posted.get(f"{prefix}-do", "refuse")
    to, why = posted.get(f"{prefix}-to", "").strip(), posted.get(f"{prefix}-why", "").strip()
    said = {"why": why} if why else {}
    if do == "human":
        return {"do": "human", "to": to, **said}
    if do != "agent":
        return {"do": "refuse", **said}
    nobody = posted.get(f"{prefix}-nobody", "refuse")
    outcome: dict[str, Any] = {
        "do": "agent",
        "targets": _targets(posted, f"{prefix}-target"),
        "balance": posted.get(f"{prefix}-balance", "order"),
        "incomplete": _incomplete(posted, f"{prefix}-incomplete"),
        "nobody": nobody,
        **said,
    }
    return {**outcome, "to": to} if nobody == "person" else outcome


def _incomplete(posted: QueryDict, prefix: str) -> dict[str, Any]:
    do, to = posted.get(f"{prefix}-do", "refuse"), posted.get(f"{prefix}-to", "").strip()
    if do == "person":
        return {"do": "person", "to": to}
    if do == "narrower":
        return {"do": "narrower", "targets": _targets(posted, f"{prefix}-target")}
    if do == "wait":
        then = posted.get(f"{prefix}-then", "refuse")
        waits = {"do": "wait", "hours": typed(posted.get(f"{prefix}-hours", ""), "integer"), "then": then}
        return {**waits, "to": to} if then == "person" else waits
    return {"do": "refuse"}


def _otherwise(posted: QueryDict) -> dict[str, Any]:
    outcome = _outcome(posted, "otherwise")
    return outcome if outcome["do"] in ("human", "refuse") else {"do": "refuse"}


def _targets(posted: QueryDict, prefix: str) -> list[dict[str, Any]]:
    found = []
    for agent, contract, weight in zip(
        posted.getlist(f"{prefix}-agent"),
        posted.getlist(f"{prefix}-contract"),
        posted.getlist(f"{prefix}-weight"),
        strict=False,
    ):
        if agent:
            target: dict[str, Any] = {"agent": agent, "weight": typed(weight or "1", "integer")}
            found.append({**target, "contract": contract} if contract else target)
    return found


def _fields(posted: QueryDict) -> list[dict[str, Any]]:
    found = []
    for name, kind, label, path in zip(
        *(posted.getlist(f"field-{part}") for part in ("name", "type", "label", "path")), strict=False
    ):
        if name.strip():
            declared = {"name": name.strip(), "type": kind, "label": label.strip()}
            found.append({**declared, "path": path.strip()} if path.strip() else declared)
    return found[:MOST_ROWS]


def _task_types(posted: QueryDict, form: RuleSetForm) -> list[dict[str, Any]]:
    kinds = {each["name"]: each["type"] for each in form.payload["fields"]}
    found = []
    for name, label, contract, clues in zip(
        *(posted.getlist(f"type-{part}") for part in ("name", "label", "contract", "clues")), strict=False
    ):
        if name.strip():
            declared = {"name": name.strip(), "label": label.strip(), "contract": contract}
            found.append({**declared, "clues": _clues(clues, kinds, form)})
    return found[:MOST_ROWS]


def _clues(text: str, kinds: Mapping[str, str], form: RuleSetForm) -> list[dict[str, Any]]:
    """One a line: `words: a, b`, `all words: a, b`, `pattern: …`, `field: name = value`."""
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        kind, colon, rest = line.strip().partition(":")
        rest = rest.strip()
        match kind.strip().lower() if colon else "":
            case "words" | "all words":
                clue: dict[str, Any] = {"words": [word.strip() for word in rest.split(",") if word.strip()]}
                found.append({**clue, "every": True} if kind.strip().lower() == "all words" else clue)
            case "pattern":
                found.append({"pattern": rest})
            case "field":
                name, _, value = rest.partition("=")
                found.append({"field": name.strip(), "equals": typed(value, kinds.get(name.strip(), "text"))})
            case _ if line.strip():
                form.unread.append(
                    f"“{line.strip()[:60]}” is no clue: begin it with words:, all words:, pattern: or field:."
                )
    return found


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
