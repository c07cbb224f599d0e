"""The tools that an agent may call, as a table, and how one is called; must hold no rule of its own.

Each calls the function that REST calls. A tool whose scope the key lacks is not listed, and calling it reads like
calling one that there is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import DataError
from mcp_types import CallToolResult, TextContent, Tool, ToolAnnotations
from mcp_types.jsonrpc import INVALID_PARAMS
from rest_framework.exceptions import APIException
from rest_framework.serializers import Serializer

from agents.authentication import AuthenticatedAgent, ScopeMissing
from agents.feedback.api import FeedbackInput
from agents.mcp import reading_tools, run_tools, saying_tools
from agents.mcp.calls import Answer, Asking
from agents.mcp.protocol import ProtocolError
from agents.mcp.schemas import JsonSchema, input_schema, output_schema
from agents.models import Scope
from agents.runs.serializers import ClaimInput, StartInput
from agents.serializers import BundleRequestSerializer
from config.api.fields import Input, take
from config.api.problems import as_domain_error, document_of
from context.errors import DomainError
from context.row_security import reading_as
from governance.audit.attempts import denials_recorded
from governance.audit.ledger import Subject

# What `as_domain_error` says of arguments; anything else is a fault of ours.
REFUSALS = (DomainError, APIException, DataError, UnicodeError)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlumblineTool:
    """One tool. `takes` checks its arguments (None: `act` does); `about` says in words what each of them is.

    `reads` says that nothing changes; `repeatable`, that doing it twice is like doing it once. `alone` says that it
    opens its own transactions.
    """

    name: str
    title: str
    description: str
    scope: Scope
    act: Callable[[Asking, Mapping[str, Any]], Answer]
    takes: type[Input] | None
    answers: JsonSchema
    about: Mapping[str, str] = field(default_factory=dict)
    described_by: type[Serializer[Any]] | None = None
    reads: bool = False
    repeatable: bool = False
    alone: bool = False

    def as_listed(self) -> Tool:
        shape = self.takes or self.described_by
        assert shape is not None
        return Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=input_schema(shape, self.about),
            output_schema=self.answers,
            annotations=ToolAnnotations(
                read_only_hint=self.reads,
                destructive_hint=False,
                idempotent_hint=self.reads or self.repeatable,
                open_world_hint=False,
            ),
        )


_TEXT_OR_NONE = ["string", "null"]
_LIST: JsonSchema = {"type": "array"}
_BUNDLE = output_schema(
    digest="string", agent="string", contract="object", valid_until=_TEXT_OR_NONE, entries=_LIST, gaps=_LIST,
    manifest="object",
)  # fmt: skip
_RUN = output_schema(
    id="string", state="string", task_type="string", agent=_TEXT_OR_NONE, contract=_TEXT_OR_NONE, task={}, output={},
    reasons=_LIST, steps=_LIST,
)  # fmt: skip
_FEEDBACK = output_schema(
    id="integer", kind="string", state="string", times="integer", served_share="number", echoes=_LIST,
    finding=["integer", "null"],
)  # fmt: skip
_ENTRIES = output_schema(entries=_LIST)
_FORMAT = "json, or markdown for one text to put into a prompt."
_HELD = {"run": "Id of the run.", "lease_token": "The token that came with the claim."}
_CHOICE = "Only where you are asked: continue (old texts), rebase (those of now) or person."
_NAMESPACE = "run:<id>, session:<name>, agent:<your slug> or domain:<slug>."

TOOLS: tuple[PlumblineTool, ...] = (
    PlumblineTool(
        name="get_bundle",
        title="Fetch a bundle",
        description="Everything that the organisation has approved for a task of one of your contracts: current, "
        "permitted, with citations. Where something needed is missing, stale or contradicted, you are refused and told "
        "what, whose it is and the shortest fix: do not go on without it.",
        scope=Scope.BUNDLES_READ,
        act=reading_tools.get_bundle,
        takes=None,
        described_by=BundleRequestSerializer,
        answers=_BUNDLE,
        about={
            "contract": "Slug of one of your contracts.",
            "task": "What you are to do, by the contract's task schema.",
            "query": "A question that brings the best further passages.",
            "as_of": "A past moment (ISO 8601): what was known, true and permitted then.",
            "token_budget": "Fewer tokens than the contract allows.",
            "format": _FORMAT,
        },
        repeatable=True,
        alone=True,
    ),
    PlumblineTool(
        name="search_context",
        title="Search",
        description="The approved passages in force that answer a question best, by meaning and by words.",
        scope=Scope.SEARCH_READ,
        act=reading_tools.search_context,
        takes=reading_tools.SearchInput,
        answers=output_schema(results=_LIST, unembedded="integer"),
        about={
            "q": "The question, or words of the text.",
            "k": "How many passages.",
            "kinds": "Only these kinds, by slug: term, policy, risk_appetite, process, precedent, …",
            "domains": "Only these domains and those below them, by slug.",
        },
        reads=True,
    ),
    PlumblineTool(
        name="get_item",
        title="Read an item",
        description="One text with its metadata and relations, as it is in force now or was at a moment.",
        scope=Scope.CONTEXT_READ,
        act=reading_tools.get_item,
        takes=reading_tools.ItemInput,
        answers=output_schema(key="string", title="string", kind="string", version=["object", "null"]),
        about={"key": "domain/slug", "as_of": "A past moment (ISO 8601)."},
        reads=True,
    ),
    PlumblineTool(
        name="lookup_term",
        title="Look up a term",
        description="What the organisation means by a word: by the term's name, abbreviation, alias or old name.",
        scope=Scope.CONTEXT_READ,
        act=reading_tools.lookup_term,
        takes=reading_tools.TermInput,
        answers=output_schema(terms=_LIST, similar=_LIST),
        about={"name": "The word or abbreviation, as it stands in the text."},
        reads=True,
    ),
    PlumblineTool(
        name="check_output",
        title="Check an output",
        description="Whether an output keeps its contract: schema, forbidden and outdated terms, limits, clauses, "
        "citations, contradictions. Hands nothing in: correct what is rejected first.",
        scope=Scope.BUNDLES_READ,
        act=reading_tools.check_output,
        takes=reading_tools.CheckInput,
        answers=output_schema(passes="boolean", rejecting=_LIST, reviewing=_LIST, warning=_LIST),
        about={
            "contract": "Slug of one of your contracts.",
            "output": "The output, by the contract's output schema.",
            "task": "The task that it answers.",
            "bundle": "Digest of the bundle that you worked with.",
            "run": "Id of the run that it is for; brings its task and bundles.",
        },
        reads=True,
    ),
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
    PlumblineTool(
        name="start_run",
        title="Start a run",
        description="Give a task to whichever agent or person the rules say. Recorded before you are answered. What "
        "was refused or waits for a person says why in `reasons`.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.start_run,
        takes=StartInput,
        answers=_RUN,
        about={
            "task": "The task in JSON.",
            "text": "The task in words, from which its type may be told.",
            "task_type": "The type of the task, where it is known.",
            "rule_set": "Slug of the rule set to decide by.",
            "domain": "Slug of the domain that it belongs to.",
            "token_budget": "Tokens after which the run ends.",
            "cost_budget": "Cost after which the run ends.",
            "most_attempts": "How often it is tried.",
            "due_at": "Until when it must be done (ISO 8601).",
        },
    ),
    PlumblineTool(
        name="get_run",
        title="Read a run",
        description="One of your runs with its steps, bundles and output.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.get_run,
        takes=run_tools.RunInput,
        answers=_RUN,
        about={"run": "Id of the run."},
        reads=True,
    ),
    PlumblineTool(
        name="claim_run",
        title="Claim a run",
        description="Take the run that has waited longest for you, under a lease. Its token is shown only here.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.claim_run,
        takes=ClaimInput,
        answers=output_schema(run=["object", "null"], lease=["object", "null"]),
        about={"lease_seconds": "How long you may be silent before the run is given to another."},
    ),
    PlumblineTool(
        name="get_run_bundle",
        title="Fetch the bundle of a run",
        description="The bundle of the run's contract for its task. The first fixes the moment of all later ones.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.get_run_bundle,
        takes=run_tools.RunBundleInput,
        answers=_BUNDLE,
        about={**_HELD, "query": "A question that brings the best further passages.", "format": _FORMAT},
        repeatable=True,
    ),
    PlumblineTool(
        name="heartbeat",
        title="Send a heartbeat",
        description="Keep the lease of a run that you are working on.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.heartbeat,
        takes=run_tools.HeldInput,
        answers=output_schema(expires_at="string"),
        about=_HELD,
        repeatable=True,
    ),
    PlumblineTool(
        name="report_step",
        title="Report a step",
        description="Record what you did in a run. The same key with the same report is recorded once.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.report_step,
        takes=run_tools.RunStepInput,
        answers=output_schema(step="object", new="boolean"),
        about={
            **_HELD,
            "key": "A name of your own for this step.",
            "operation": "By OpenTelemetry's GenAI conventions.",
            "name": "The tool, model or agent.",
            "state": "started before an effect outside, done or failed after it.",
        },
        repeatable=True,
    ),
    PlumblineTool(
        name="complete_run",
        title="Complete a run",
        description="Hand in the output. One that breaks the contract's schema or checks goes back once, then to a "
        "person.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.complete_run,
        takes=run_tools.RunCompleteInput,
        answers=_RUN,
        about={**_HELD, "output": "The output, by the contract's output schema."},
        repeatable=True,
    ),
    PlumblineTool(
        name="fail_run",
        title="Give a run up",
        description="Say that you cannot do it: tried again, by the next agent of the route, or left to a person.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.fail_run,
        takes=run_tools.RunFailInput,
        answers=_RUN,
        about={
            **_HELD,
            "cause": "A word for what went wrong.",
            "detail": "A sentence that tells.",
            "retryable": "Whether trying again may help.",
        },
    ),
    PlumblineTool(
        name="hand_off_run",
        title="Hand a run to another agent",
        description="Pass the run on; the other works on the same snapshot. Where its texts have changed meanwhile you "
        "are told what changed, and say how it goes on.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.hand_off_run,
        takes=run_tools.RunHandOffInput,
        answers=_RUN,
        about={
            **_HELD,
            "to": "Slug of the other agent.",
            "contract": "Slug of the contract of theirs to work by.",
            "reason": "Why they should go on.",
            "payload": "What they need of your work, in JSON.",
            "choice": _CHOICE,
        },
    ),
    PlumblineTool(
        name="pause_run",
        title="Pause a run",
        description="Let go of a run until it is resumed; its steps stay.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.pause_run,
        takes=run_tools.RunPauseInput,
        answers=_RUN,
        about={**_HELD, "reason": "What it waits for."},
    ),
    PlumblineTool(
        name="resume_run",
        title="Resume a run",
        description="Queue a paused run that you started. Where its texts have changed meanwhile you are told what "
        "changed, and say how it goes on.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.resume_run,
        takes=run_tools.RunResumeInput,
        answers=_RUN,
        about={"run": "Id of the run.", "choice": _CHOICE},
    ),
)
_BY_NAME = {tool.name: tool for tool in TOOLS}


def tools_of(agent: AuthenticatedAgent) -> list[Tool]:
    """The tools that the agent's key has the scopes for, in the order of the table."""
    return [tool.as_listed() for tool in TOOLS if tool.scope in agent.scopes]


def call_tool(asking: Asking, *, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
    """What the tool answers; what it refuses is an answer too, marked as an error, for a model to act on."""
    tool = _permitted(asking, name)
    try:
        asked = arguments if tool.takes is None else take(tool.takes, arguments)
        with nullcontext() if tool.alone else reading_as(asking.principal):
            answer = tool.act(asking, asked)
    except REFUSALS as raised:
        error = as_domain_error(raised)
        if error is None:
            raise
        return refused(error)
    text = answer.text if answer.text is not None else orjson.dumps(answer.content).decode()
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=dict(answer.content),
        _meta=dict(answer.meta) or None,
    )


def _permitted(asking: Asking, name: str) -> PlumblineTool:
    """The tool of that name. One that the key has no scope for is on record as refused, and reads as none."""
    unknown = ProtocolError(INVALID_PARAMS, "There is no such tool.")
    tool = _BY_NAME.get(name)
    if tool is None:
        raise unknown
    try:
        with denials_recorded(
            actor=asking.principal,
            action="agents.request",
            subject=lambda: Subject(type="tool", id=tool.name, label=f"MCP {tool.name}"),
            now=asking.now,
        ):
            asking.agent.require(tool.scope)
    except ScopeMissing:
        raise unknown from None
    return tool


def refused(error: DomainError) -> CallToolResult:
    """A refusal in words, and as the document that REST answers with: type, field, limit, fix, and the gaps."""
    document = document_of(error)
    words = [f"{document['title']}. {document['detail']}"]
    words += [str(document["fix"])] if "fix" in document else []
    words += [
        f"- {gap['requirement']}: {gap['code']}; {gap.get('owner') or 'nobody'} owns it; {gap.get('fix', '')}"
        for gap in document.get("gaps", ())
    ]
    return CallToolResult(
        content=[TextContent(type="text", text="\n".join(words))], structured_content=document, is_error=True
    )
