"""A prompt for each of the agent's contracts: its bundle, rendered as one text; must hold no rule of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from mcp_types import GetPromptResult, ListPromptsResult, Prompt, PromptArgument, PromptMessage, TextContent
from mcp_types.jsonrpc import INVALID_PARAMS

from agents.bundle_headers import agreed_headers
from agents.mcp.calls import Asking
from agents.mcp.protocol import ProtocolError
from agents.mcp.resources import PAGE, contracts_of, read_cursor, write_cursor
from agents.models import ContextContract, Scope
from agents.serving import parse_request, serve_bundle
from config.api.bodies import parse_object
from context.errors import NotFound

ARGUMENTS = ("task", "query")


def list_prompts(asking: Asking, cursor: str | None) -> ListPromptsResult:
    """A page of the agent's contracts. One query."""
    if Scope.BUNDLES_READ not in asking.agent.scopes:
        return ListPromptsResult(prompts=[])
    _, after = read_cursor(cursor, of="prompts", kinds=("contract",))
    found = list(contracts_of(asking).filter(slug__gt=after).order_by("slug")[: PAGE + 1])
    following = write_cursor(of="prompts", kind="contract", after=found[PAGE - 1].slug) if len(found) > PAGE else None
    return ListPromptsResult(prompts=[_prompt(each) for each in found[:PAGE]], next_cursor=following)


def get_prompt(asking: Asking, *, name: str, arguments: Mapping[str, str]) -> GetPromptResult:
    """The bundle of the contract of that name, as Markdown. Raises ContextUnavailable where it is refused."""
    unknown = sorted(set(arguments) - set(ARGUMENTS))
    if unknown:
        raise ProtocolError(INVALID_PARAMS, f"There is no argument {unknown[0][:80]!r}. Use: {', '.join(ARGUMENTS)}.")
    if Scope.BUNDLES_READ not in asking.agent.scopes or name not in asking.agent.contracts:
        raise ProtocolError(INVALID_PARAMS, "There is no such prompt.")
    asked: dict[str, Any] = {"contract": name, "query": arguments.get("query", ""), "format": "markdown"}
    if arguments.get("task"):
        asked["task"] = parse_object(arguments["task"].encode())
    try:
        served = serve_bundle(agent=asking.agent, asked=parse_request(asked, now=asking.now), now=asking.now)
    except NotFound:
        raise ProtocolError(INVALID_PARAMS, "There is no such prompt.") from None
    text = str(orjson.loads(served.answer)["markdown"])
    return GetPromptResult(
        description=f"What is approved for {name}, as of {served.handed.at}",
        messages=[PromptMessage(role="user", content=TextContent(type="text", text=text))],
        _meta={"digest": served.bundle.digest, **{n.lower(): v for n, v in agreed_headers(served.handed)}},
    )


def _prompt(contract: ContextContract) -> Prompt:
    version = contract.current_version
    assert version is not None
    wants = "By the contract's task schema, as a JSON object." if version.task_schema else "As a JSON object."
    return Prompt(
        name=contract.slug,
        title=contract.name,
        description=contract.purpose or f"The approved context of {contract.name}.",
        arguments=[
            PromptArgument(name="task", description=wants, required=version.task_schema is not None),
            PromptArgument(name="query", description="A question that brings further passages.", required=False),
        ],
    )
