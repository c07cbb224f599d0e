"""What starts a flow by itself, as rows of fields and back; must not judge what a trigger selects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.flows.definition import MATCHED, MOST_TRIGGERS
from agents.views.flow_moves import moves_as_text, moves_in

TRIGGER_FIELDS = ("name", "on", *MATCHED, "input")
ON = (("webhook", "a program posts to it"), ("publication", "a change is published"))


def trigger_rows(triggers: Sequence[Any]) -> list[dict[str, str]]:
    """The triggers as their fields show them."""
    rows = []
    for each in triggers:
        stated = each if isinstance(each, Mapping) else {}
        match = stated.get("match")
        selected = match if isinstance(match, Mapping) else {}
        rows.append(
            {
                "name": str(stated.get("name", "")),
                "on": str(stated.get("on", "webhook")),
                **{part: str(selected.get(part) or "") for part in MATCHED},
                "input": moves_as_text(stated.get("input") or []),
            }
        )
    return rows


def triggers_in(rows: Sequence[Mapping[str, str]]) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """The triggers that the rows name, and by their places what of them cannot be read."""
    found: list[dict[str, Any]] = []
    faults: dict[str, list[str]] = {}
    for place, row in enumerate(rows):
        moves, wrong = moves_in(row["input"])
        if wrong:
            faults[f"triggers.{place}.input"] = wrong
        trigger: dict[str, Any] = {"name": row["name"], "on": row["on"] or "webhook", "input": moves}
        match = {part: row[part] for part in MATCHED if row[part]}
        # Of a post it is told, not dropped: it may have been meant for a publication.
        if match or trigger["on"] == "publication":
            trigger["match"] = match
        found.append(trigger)
    return found, faults


def step_of_triggers(rows: list[dict[str, str]], do: str, at: int | None) -> list[dict[str, str]]:
    """The rows with one added or taken out, as the button asks; a row that says nothing is left out."""
    if do == "untrigger" and at is not None:
        rows = [row for place, row in enumerate(rows) if place != at]
    rows = [row for row in rows if any(row[name] for name in ("name", *MATCHED, "input"))]
    if do == "trigger" and len(rows) < MOST_TRIGGERS:
        rows.append({**dict.fromkeys(TRIGGER_FIELDS, ""), "on": "webhook", "input": "whole <- event whole"})
    return rows
