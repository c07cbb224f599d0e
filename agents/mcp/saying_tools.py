"""The tools by which an agent says something and keeps something: feedback, proposals, memory; none writes context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.feedback.api import feedback_as_json
from agents.feedback.reporting import LONGEST_PROPOSAL, LONGEST_TEXT, Report
from agents.feedback.reporting import report_feedback as report
from agents.mcp.calls import Answer, Asking
from agents.memory.api import RememberInput, entry_as_json
from agents.memory.keeping import list_entries
from agents.memory.keeping import recall as read
from agents.memory.keeping import remember as write
from agents.models import FeedbackKind
from agents.runs.api import run_id_of
from config.api.fields import Input, Text, WholeNumber

LONGEST_NAMESPACE, LONGEST_KEY = 80, 120


class ProposalInput(Input):
    key = Text(max_length=200)
    body = Text(max_length=LONGEST_PROPOSAL)
    reason = Text(max_length=LONGEST_TEXT)
    run = Text(max_length=36, required=False, allow_null=True, default=None)


class KeepInput(RememberInput):
    namespace = Text(max_length=LONGEST_NAMESPACE)
    key = Text(max_length=LONGEST_KEY)
    if_version = WholeNumber(required=False, allow_null=True, default=None, min_value=1, max_value=2**31 - 1)


class RecallInput(Input):
    namespace = Text(max_length=LONGEST_NAMESPACE)
    key = Text(max_length=LONGEST_KEY, required=False, allow_null=True, default=None)
    prefix = Text(max_length=LONGEST_KEY, required=False, default="", allow_blank=True)


def report_feedback(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    said = {**asked, "run": run_id_of(asked["run"]) if asked["run"] is not None else None}
    made = report(actor=asking.principal, report=Report(**said), now=asking.now)
    return Answer(content=feedback_as_json(made))


def propose_change(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    """A correction with the text that should stand instead: a finding, which a person may turn into a draft."""
    said = Report(
        kind=FeedbackKind.CORRECTION,
        text=asked["reason"],
        about=asked["key"],
        proposal=asked["body"],
        run=run_id_of(asked["run"]) if asked["run"] is not None else None,
    )
    made = report(actor=asking.principal, report=said, now=asking.now)
    return Answer(content=feedback_as_json(made))


def remember(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    entry = write(
        agent=asking.agent,
        namespace=asked["namespace"],
        key=asked["key"],
        value=asked["value"],
        expected_version=asked["if_version"],
        expires_at=asked["expires_at"],
        run_id=run_id_of(asked["run"]) if asked["run"] is not None else None,
        now=asking.now,
    )
    return Answer(content={"entries": [entry_as_json(entry, namespace=asked["namespace"])]})


def recall(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    where = asked["namespace"]
    if asked["key"] is not None:
        found = [read(agent=asking.agent, namespace=where, key=asked["key"], now=asking.now)]
    else:
        found = list_entries(agent=asking.agent, namespace=where, prefix=asked["prefix"], now=asking.now)
    return Answer(content={"entries": [entry_as_json(entry, namespace=where) for entry in found]})
