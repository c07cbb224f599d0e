"""A flow as a form that works without JavaScript, and back; must not save or judge what was typed.

Values that a step takes are written one a line: `/to <- step /at`, or `/to = JSON`; `whole` stands for all of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from agents.views.record_drafts import number_in

MOST_STEPS = 60
WHOLE = "whole"
_PART = r'"(?:[^"\\]|\\.)*"|\S+'
_TAKEN = re.compile(rf"({_PART})\s*<-\s*([a-z0-9-]+)(?:\s+({_PART}))?")
_GIVEN = re.compile(rf"({_PART})\s*=\s*(.+)")
STEP_FIELDS = (
    *("name", "label", "task_type", "contract", "agent", "rule_set", "after", "input"),
    *("fail", "fail_times", "fail_agent", "fail_contract", "fail_then", "tokens", "cost", "attempts"),
)


@dataclass(kw_only=True)
class FlowForm:
    """What was typed: the payload as it reads so far, and what of it cannot be read."""

    payload: dict[str, Any]
    slug: str = ""
    reason: str = ""
    change_id: int | None = None
    base_version: int | None = None
    unread: list[str] = field(default_factory=list)
    schema_text: str = ""
    triggers_text: str = ""
    output_text: str = ""
    steps_text: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, payload: Mapping[str, Any], **more: Any) -> FlowForm:
        """The form as it opens on a payload."""
        return cls(
            payload=dict(payload),
            schema_text=pretty(payload.get("input_schema", True)),
            triggers_text=pretty(payload.get("triggers", [])),
            output_text=moves_as_text(payload.get("output") or []),
            steps_text=[moves_as_text(each.get("input") or []) for each in payload.get("steps", [])],
            **more,
        )


def read_form(posted: QueryDict, *, base: Mapping[str, Any]) -> FlowForm:
    """The form as posted, with the one step done that its button asks for (`do`, such as `up:3`)."""
    form = FlowForm(payload=dict(base), slug=posted.get("slug", "").strip(), reason=posted.get("reason", "").strip())
    form.change_id, form.base_version = number_in(posted.get("change")), number_in(posted.get("base_version"))
    for name in ("name", "purpose"):
        form.payload[name] = posted.get(name, "").strip()
    form.payload["domain"] = posted.get("domain") or None
    form.payload["owner"] = posted.get("owner") or None
    form.payload["sensitivity"] = posted.get("sensitivity") or "internal"
    form.schema_text, form.triggers_text = posted.get("input_schema", ""), posted.get("triggers", "")
    form.payload["input_schema"] = _json(form, form.schema_text, "What it is started with", True)
    form.payload["triggers"] = _json(form, form.triggers_text, "What starts it", [])
    form.output_text = posted.get("output", "")
    form.payload["output"] = _moves(form, form.output_text, "The output")
    columns = {name: posted.getlist(f"step-{name}")[:MOST_STEPS] for name in STEP_FIELDS}
    rows = [
        {name: column[place].strip() if place < len(column) else "" for name, column in columns.items()}
        for place in range(len(columns["name"]))
    ]
    _move_rows(rows, posted.get("do", ""))
    form.steps_text = [row["input"] for row in rows]
    form.payload["steps"] = [_step(form, row, place) for place, row in enumerate(rows, start=1)]
    return form


def moves_as_text(moves: Sequence[Mapping[str, Any]]) -> str:
    """Values that are taken, one a line, as `_moves` reads them."""
    lines = []
    for each in moves:
        to = _spoken(str(each.get("to", "")))
        if "value" in each:
            lines.append(f"{to} = {json.dumps(each['value'], ensure_ascii=False)}")
        else:
            lines.append(f"{to} <- {each.get('from', '')} {_spoken(str(each.get('at', '')))}")
    return "\n".join(lines)


def pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _step(form: FlowForm, row: Mapping[str, str], place: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": row["name"],
        "task_type": row["task_type"],
        "contract": row["contract"],
        "after": [each for each in re.split(r"[,\s]+", row["after"]) if each],
        "input": _moves(form, row["input"], f"Step {place}"),
        "on_failure": _failure(row),
    }
    found |= {name: row[name] for name in ("label", "agent", "rule_set") if row[name]}
    for name, called, what in (
        ("token_budget", "tokens", "tokens"),
        ("most_attempts", "attempts", "attempts"),
    ):
        if row[called]:
            count = number_in(row[called])
            if count is None:
                form.unread.append(f"Step {place}: write the number of {what} in digits.")
            else:
                found[name] = count
    if row["cost"]:
        found["cost_budget"] = row["cost"]
    return found


def _failure(row: Mapping[str, str]) -> dict[str, Any] | None:
    do = row["fail"]
    if not do:
        return None
    found: dict[str, Any] = {"do": do}
    if do == "retry":
        found |= {"times": number_in(row["fail_times"]) or 1, "then": row["fail_then"] or "stop"}
    elif do == "other_agent":
        found |= {"agent": row["fail_agent"], "then": row["fail_then"] or "stop"}
        if row["fail_contract"]:
            found["contract"] = row["fail_contract"]
    return found


def _moves(form: FlowForm, text: str, where: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in filter(None, (each.strip() for each in text.splitlines())):
        taken, given = _TAKEN.fullmatch(line), _GIVEN.fullmatch(line)
        if taken is not None:
            move = {"to": _pointer(taken[1]), "from": taken[2]}
            at = _pointer(taken[3] or WHOLE)
            found.append({**move, "at": at} if at else move)
        elif given is not None:
            try:
                found.append({"to": _pointer(given[1]), "value": json.loads(given[2])})
            except ValueError:
                form.unread.append(f'{where}: after “=” stands JSON, such as 3 or "text", not “{given[2][:60]}”.')
        else:
            form.unread.append(f"{where}: “{line[:80]}” is none of “/to <- step /at” and “/to = value”.")
    return found


def _pointer(text: str) -> str:
    if text == WHOLE:
        return ""
    if text.startswith('"'):
        try:
            read = json.loads(text)
        except ValueError:
            return text
        return str(read)
    return text


def _spoken(pointer: str) -> str:
    if not pointer:
        return WHOLE
    return json.dumps(pointer, ensure_ascii=False) if re.search(r'[\s"]', pointer) else pointer


def _json(form: FlowForm, text: str, where: str, empty: Any) -> Any:
    if not text.strip():
        return empty
    try:
        return json.loads(text)
    except ValueError as error:
        form.unread.append(f"{where}: this is no JSON ({error}).")
        return empty


def _move_rows(rows: list[dict[str, str]], do: str) -> None:
    verb, _, stated = do.partition(":")
    at = number_in(stated)
    if verb == "add" and len(rows) < MOST_STEPS:
        before = rows[-1]["name"] if rows else ""
        rows.append({**dict.fromkeys(STEP_FIELDS, ""), "after": before, "fail": "person"})
    elif at is not None and at < len(rows):
        if verb == "remove":
            del rows[at]
        elif verb == "up" and at > 0:
            rows[at - 1], rows[at] = rows[at], rows[at - 1]
        elif verb == "down" and at + 1 < len(rows):
            rows[at + 1], rows[at] = rows[at], rows[at + 1]
