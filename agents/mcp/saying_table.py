"""The tools by which an agent says and keeps something, as MCP lists them; what they do is in saying_tools.py."""

from __future__ import annotations

from agents.feedback.api import FeedbackInput
from agents.mcp import saying_tools
from agents.mcp.schemas import output_schema
from agents.mcp.tool import LIST, PlumblineTool
from agents.models import Scope

_FEEDBACK = output_schema(
    id="integer", kind="string", state="string", times="integer", served_share="number", echoes=LIST,
    finding=["integer", "null"],
)  # fmt: skip
_ENTRIES = output_schema(entries=LIST)
_NAMESPACE = "run:<id>, session:<name>, agent:<your slug> or domain:<slug>."

SAYING: tuple[PlumblineTool, ...] = (
    PlumblineTool(
        name="report_feedback",
        title="Report feedback",
        description="Say that something is missing, contradictory or wrong, or how it went. Becomes a finding for "
        "people, once however often it is said.",
        scope=Scope.FEEDBACK_WRITE,
        act=saying_tools.report_feedback,
        takes=FeedbackInput,
        answers=_FEEDBACK,
        about={
            "kind": "gap, contradiction, correction or outcome.",
            "text": "What was missing, wrong, or how it went.",
            "about": "Key of the item that it is about.",
            "other": "Key of the other item, for a contradiction.",
            "contract": "Slug of the contract.",
            "run": "Id of the run.",
            "proposal": "The text that should stand instead, for a correction.",
            "outcome": "For an outcome: accepted, corrected, rejected or harmful.",
        },
        repeatable=True,
    ),
    PlumblineTool(
        name="propose_change",
        title="Propose a change",
        description="Propose another text for an item. It changes nothing: it becomes a finding, which a person may "
        "turn into a draft for review.",
        scope=Scope.FEEDBACK_WRITE,
        act=saying_tools.propose_change,
        takes=saying_tools.ProposalInput,
        answers=_FEEDBACK,
        about={
            "key": "domain/slug of the item.",
            "body": "The whole text as it should stand, in Markdown.",
            "reason": "Why, with what you saw.",
            "run": "Id of the run in which you saw it.",
        },
        repeatable=True,
    ),
    PlumblineTool(
        name="remember",
        title="Remember",
        description="Keep JSON under a key. Overwriting needs the version that you read.",
        scope=Scope.MEMORY_WRITE,
        act=saying_tools.remember,
        takes=saying_tools.KeepInput,
        answers=_ENTRIES,
        about={
            "namespace": _NAMESPACE,
            "key": "Letters, digits, dots, hyphens and underscores.",
            "value": "Any JSON.",
            "if_version": "The version that you read; without it, the entry must be new.",
            "expires_at": "When it may be forgotten (ISO 8601).",
            "run": "Id of the run that it comes from.",
        },
    ),
    PlumblineTool(
        name="recall",
        title="Recall",
        description="The entry of a key, or without one the entries of a namespace.",
        scope=Scope.MEMORY_WRITE,
        act=saying_tools.recall,
        takes=saying_tools.RecallInput,
        answers=_ENTRIES,
        about={"namespace": _NAMESPACE, "key": "The key.", "prefix": "Without a key: only keys that begin so."},
        reads=True,
    ),
)
