"""A flow as a form that works without JavaScript, and back; must not save or judge what was typed.

What is handed on is written one value a line (flow_moves.py), triggers are rows of fields (flow_triggers.py), and what
the flow is started with is a table of fields or JSON (flow_schema.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from agents.views.flow_moves import moves_as_text, moves_in
from agents.views.flow_schema import SCHEMA_FIELDS, schema_in, schema_rows, step_of_fields
from agents.views.flow_triggers import TRIGGER_FIELDS, step_of_triggers, trigger_rows, triggers_in
from agents.views.record_drafts import number_in

MOST_STEPS = 60
STEP_FIELDS = (
    *("name", "label", "task_type", "contract", "agent", "rule_set", "after", "input"),
    *("fail", "fail_times", "fail_agent", "fail_contract", "fail_then", "tokens", "cost", "attempts"),
)


@dataclass(kw_only=True)
class FlowForm:
    """What was typed: the payload as it reads so far, and what of it cannot be read.

    `wrong` says what cannot be read beside its field, by its place in the payload; `unread` all of it in a row.
    `fields` are the rows of what the flow is started with, None where that is written as JSON. `opened` is the step
    that the last button was about.
    """

    payload: dict[str, Any]
    slug: str = ""
    reason: str = ""
    change_id: int | None = None
    base_version: int | None = None
    wrong: dict[str, list[str]] = field(default_factory=dict)
    schema_text: str = ""
    fields: list[dict[str, str]] | None = None
    triggers: list[dict[str, str]] = field(default_factory=list)
    output_text: str = ""
    steps_text: list[str] = field(default_factory=list)
    opened: int | None = None

    @property
    def unread(self) -> list[str]:
        return [f"{_place_in_words(place)}: {text}" for place, texts in self.wrong.items() for text in texts]

    @classmethod
    def of(cls, payload: Mapping[str, Any], **more: Any) -> FlowForm:
        """The form as it opens on a payload."""
        return cls(
            payload=dict(payload),
            schema_text=pretty(payload.get("input_schema", True)),
            fields=schema_rows(payload.get("input_schema", True)),
            triggers=trigger_rows(payload.get("triggers") or []),
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
    do, _, stated = posted.get("do", "").partition(":")
    at = number_in(stated)
    _read_schema(form, posted, do, at)
    form.triggers = step_of_triggers(_rows(posted, "trigger", TRIGGER_FIELDS), do, at)
    form.payload["triggers"], faults = triggers_in(form.triggers)
    form.wrong |= faults
    form.output_text = posted.get("output", "")
    form.payload["output"] = _moves(form, form.output_text, "output")
    rows = _rows(posted, "step", STEP_FIELDS)
    form.opened = _move_rows(rows, do, at)
    form.steps_text = [row["input"] for row in rows]
    form.payload["steps"] = [_step(form, row, place) for place, row in enumerate(rows)]
    return form


def pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _step(form: FlowForm, row: Mapping[str, str], place: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": row["name"],
        "task_type": row["task_type"],
        "contract": row["contract"],
        "after": [each for each in re.split(r"[,\s]+", row["after"]) if each],
        "input": _moves(form, row["input"], f"steps.{place}.input"),
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
                form.wrong[f"steps.{place}.{name}"] = [f"Write the number of {what} in digits."]
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


def _moves(form: FlowForm, text: str, place: str) -> list[dict[str, Any]]:
    found, faults = moves_in(text)
    if faults:
        form.wrong[place] = faults
    return found


def _read_schema(form: FlowForm, posted: QueryDict, do: str, at: int | None) -> None:
    """By its table where that was sent, on the JSON that came with it; else by its JSON."""
    form.schema_text = posted.get("input_schema", "")
    try:
        schema = json.loads(form.schema_text) if form.schema_text.strip() else True
    except ValueError as error:
        form.wrong["input_schema"] = [f"This is no JSON ({error})."]
        form.payload["input_schema"] = True
        return
    if posted.get("schema-by") == "table" and isinstance(schema, dict):
        rows = step_of_fields(_rows(posted, "field", SCHEMA_FIELDS), do, at)
        asked, faults = schema_in(rows, schema)
        if do == "field":
            # A field that was just added has no name yet.
            faults.pop(f"input_schema.{len(rows) - 1}", None)
        form.wrong |= faults
        if faults or do == "field":
            form.fields = rows
        else:
            schema = asked
            form.fields = schema_rows(schema) if do != "schema-json" else None
        form.schema_text = pretty(schema)
    elif do == "schema-table":
        form.fields = schema_rows(schema)
        if form.fields is None:
            form.wrong["input_schema"] = ["Only an object with named fields can be shown as a table."]
    form.payload["input_schema"] = schema


def _rows(posted: QueryDict, kind: str, names: Sequence[str]) -> list[dict[str, str]]:
    """What was typed in fields that stand once in each row."""
    columns = {name: posted.getlist(f"{kind}-{name}")[:MOST_STEPS] for name in names}
    return [
        {name: column[place].strip() if place < len(column) else "" for name, column in columns.items()}
        for place in range(len(columns["name"]))
    ]


def _place_in_words(place: str) -> str:
    part, _, rest = place.partition(".")
    number = rest.partition(".")[0]
    word = {"steps": "Step", "triggers": "Trigger", "input_schema": "Field"}.get(part, "")
    if number.isdigit() and word:
        return f"{word} {int(number) + 1}"
    return {"output": "The output", "input_schema": "What it is started with"}.get(part, part)


def _move_rows(rows: list[dict[str, str]], verb: str, at: int | None) -> int | None:
    """Do what the button asks with the steps; the place of the step that it was about."""
    if verb == "add" and len(rows) < MOST_STEPS:
        before = rows[-1]["name"] if rows else ""
        rows.append({**dict.fromkeys(STEP_FIELDS, ""), "after": before, "fail": "person"})
        return len(rows) - 1
    if at is None or at >= len(rows):
        return None
    if verb == "remove":
        del rows[at]
    elif verb == "up" and at > 0:
        rows[at - 1], rows[at] = rows[at], rows[at - 1]
        return at - 1
    elif verb == "down" and at + 1 < len(rows):
        rows[at + 1], rows[at] = rows[at], rows[at + 1]
        return at + 1
    return None
