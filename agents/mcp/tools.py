"""All tools that an agent may call, and how one is called; must hold no rule of its own.

Each calls the function that REST calls. A tool whose scope the key lacks is not listed, and calling it reads like
calling one that there is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import orjson
from django.db import DataError
from mcp_types import CallToolResult, TextContent, Tool
from mcp_types.jsonrpc import INVALID_PARAMS
from rest_framework.exceptions import APIException

from agents.authentication import AuthenticatedAgent, ScopeMissing
from agents.mcp.calls import Asking
from agents.mcp.protocol import ProtocolError
from agents.mcp.reading_table import READING
from agents.mcp.run_table import RUNS
from agents.mcp.saying_table import SAYING
from agents.mcp.tool import PlumblineTool
from config.api.fields import take
from config.api.problems import as_domain_error, document_of
from context.errors import DomainError
from context.row_security import reading_as
from governance.audit.attempts import denials_recorded
from governance.audit.ledger import Subject

# What `as_domain_error` says of arguments; anything else is a fault of ours.
REFUSALS = (DomainError, APIException, DataError, UnicodeError)

TOOLS = (*READING, *SAYING, *RUNS)
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
