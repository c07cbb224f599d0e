"""The address /mcp: who asks, whether they may ask now, and which function answers; must hold no rule of its own.

A synchronous view without state: nothing is kept between two requests but the limits of a key. The session of the
handshake's era is a signed note that says which client shook hands, so that its name is judged at every request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.core.exceptions import SuspiciousOperation
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from mcp_types import (
    DiscoverResult,
    EmptyResult,
    InitializeResult,
    ListToolsResult,
    PromptsCapability,
    ResourcesCapability,
    Result,
    ServerCapabilities,
    ToolsCapability,
)
from mcp_types.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND
from mcp_types.methods import parse_client_request
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, KNOWN_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION
from pydantic import ValidationError

from agents.authentication import KEY_PREFIX, AuthenticatedAgent, authenticate
from agents.mcp.calls import Asking
from agents.mcp.limits import take_turn
from agents.mcp.listening import Listening, wanted_of
from agents.mcp.prompts import get_prompt, list_prompts
from agents.mcp.protocol import (
    REFUSED,
    SERVER,
    Message,
    ProtocolError,
    error_response,
    invalid_params,
    read_message,
    refusal,
    result_response,
)
from agents.mcp.resources import list_resources, list_templates, read_resource
from agents.mcp.tools import call_tool, tools_of
from agents.models import Scope, UseKind
from agents.programs import admit_program
from agents.subscriptions import TRY_AGAIN_AFTER_SECONDS, TooManyWait
from config.api.errors import BadRequest, MethodNotAllowed, NotAcceptable
from config.api.problems import as_domain_error
from context.errors import DomainError, NotPermitted
from context.program import during_request_by

INSTRUCTIONS = (
    "Plumbline holds what this organisation has approved. Before you work on a task, call get_bundle with your "
    "contract, work by its entries alone, and cite them. Where you are refused, say which gap stops you and whose it "
    "is; do not go on from what you know yourself. Nothing here lets you change a text: propose_change and "
    "report_feedback reach people who can."
)
SESSION = "Mcp-Session-Id"
SALT = "plumbline.mcp.session"
REFUSALS = (DomainError, UnreadablePostError, SuspiciousOperation, DataError, UnicodeError)


class OriginRefused(NotPermitted):
    """A browser sends this for a page of another site: such a page may not use a key that lies on this machine."""

    type = "origin-refused"
    title = "Requests from that site are not taken"


@csrf_exempt
def mcp(request: HttpRequest) -> HttpResponseBase:
    """POST /mcp: one JSON-RPC message."""
    message: Message | None = None
    try:
        check_address(request)
        agent = authenticate(request.headers.get("Authorization", ""))
        take_turn(key=agent.key_id)
        message = read_message(request)
        client = message.client or _client_of_session(request, message, agent)
        if client:
            admit_program(kind=UseKind.MCP_CLIENT, stated=client, agent_id=agent.principal.id)
        if message.id is None:
            return HttpResponse(status=202)
        return _answer(request, message, Asking(agent=agent, now=timezone.now()))
    except ProtocolError as error:
        return error_response(error, message)
    except REFUSALS as raised:
        refused = as_domain_error(raised)
        if refused is None:
            raise
        told = refusal(refused, in_framing=message is None or refused.status in (401, 403, 503))
        if isinstance(refused, TooManyWait):
            told.headers = {**told.headers, "Retry-After": str(TRY_AGAIN_AFTER_SECONDS)}
        return error_response(told, message)


def check_address(request: HttpRequest) -> None:
    """Refuse another method, a query (above all a key in it), a page of another site, and answers not accepted."""
    if request.method != "POST":
        raise MethodNotAllowed("Messages are sent with POST; there is no stream to GET.", fix="Send POST.")
    query = request.META.get("QUERY_STRING", "")
    if KEY_PREFIX in query or any(word in query.lower() for word in ("token", "key", "auth", "bearer")):
        raise BadRequest(
            "A key is never taken from an address, where logs and histories keep it.",
            fix="Send Authorization: Bearer plk_…; and if the key was real, rotate it now.",
        )
    if query:
        raise BadRequest("This address takes no query.", fix="Send everything in the body.")
    origin = request.headers.get("Origin")
    if origin is not None and not _is_ours(request, origin):
        raise OriginRefused(
            "The page that asks is not of this site.",
            field="Origin",
            fix="Name its origin in MCP_ALLOWED_ORIGINS, or send no Origin from a program.",
        )
    if not _accepts(request, "application/json"):
        raise NotAcceptable("Answers come as application/json.", field="Accept", fix="Accept application/json.")


def _is_ours(request: HttpRequest, origin: str) -> bool:
    if origin in settings.MCP_ALLOWED_ORIGINS:
        return True
    try:
        stated = urlsplit(origin)
    except ValueError:
        return False
    return (stated.scheme, stated.netloc) == (request.scheme, request.get_host())


def _accepts(request: HttpRequest, media_type: str) -> bool:
    return request.accepts(media_type)


def _client_of_session(request: HttpRequest, message: Message, agent: AuthenticatedAgent) -> str:
    """The name of the client that shook hands. Where no session is stated, only its User-Agent is known."""
    if message.modern:
        return ""
    if message.method == "initialize":
        stated = (message.params or {}).get("clientInfo")
        name = stated.get("name") if isinstance(stated, Mapping) else None
        return name if isinstance(name, str) else ""
    session = request.headers.get(SESSION)
    if session is None:
        return ""
    try:
        key, name = signing.loads(session[:2_000], salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        key, name = None, ""
    if key != agent.key_id:
        raise ProtocolError(REFUSED, "There is no such session: initialize again.", status=404)
    return str(name)


def _answer(request: HttpRequest, message: Message, asking: Asking) -> HttpResponseBase:
    answer = METHODS.get(message.method)
    try:
        if answer is None:
            raise KeyError(message.method)
        asked = parse_client_request(message.method, message.version, message.params)
    except KeyError:
        raise ProtocolError(METHOD_NOT_FOUND, "There is no such method in this version.") from None
    except ValidationError as error:
        raise invalid_params(error) from error
    if message.method == "subscriptions/listen":
        return _listen(request, message, asked.params, asking)
    response = result_response(message, answer(asking, message, asked.params))
    if message.method == "initialize":
        name = _client_of_session(request, message, asking.agent)
        response[SESSION] = signing.dumps([asking.agent.key_id, name[:200]], salt=SALT)
    return response


def _capabilities(agent: AuthenticatedAgent, *, modern: bool) -> ServerCapabilities:
    """What there is for this key. Subscriptions came with the version that has streams of their own for them."""
    reads, served = Scope.CONTEXT_READ in agent.scopes, Scope.BUNDLES_READ in agent.scopes
    return ServerCapabilities(
        tools=ToolsCapability(list_changed=False) if agent.scopes else None,
        resources=ResourcesCapability(subscribe=modern, list_changed=modern) if reads else None,
        prompts=PromptsCapability(list_changed=modern) if served else None,
    )


def _initialize(asking: Asking, message: Message, asked: Any) -> Result:
    version = asked.protocol_version
    return InitializeResult(
        protocol_version=version if version in HANDSHAKE_PROTOCOL_VERSIONS else LATEST_HANDSHAKE_VERSION,
        capabilities=_capabilities(asking.agent, modern=False),
        server_info=SERVER,
        instructions=INSTRUCTIONS,
    )


def _discover(asking: Asking, message: Message, asked: Any) -> Result:
    return DiscoverResult(
        supported_versions=list(reversed(KNOWN_PROTOCOL_VERSIONS)),
        capabilities=_capabilities(asking.agent, modern=True),
        instructions=INSTRUCTIONS,
    )


def _list_tools(asking: Asking, message: Message, asked: Any) -> Result:
    if asked is not None and asked.cursor is not None:
        raise ProtocolError(INVALID_PARAMS, "The list of tools has one page: send no cursor.")
    return ListToolsResult(tools=tools_of(asking.agent))


def _call_tool(asking: Asking, message: Message, asked: Any) -> Result:
    return call_tool(asking, name=asked.name, arguments=asked.arguments or {})


def _list_resources(asking: Asking, message: Message, asked: Any) -> Result:
    return list_resources(asking, asked.cursor if asked is not None else None)


def _list_templates(asking: Asking, message: Message, asked: Any) -> Result:
    return list_templates(asking)


def _read_resource(asking: Asking, message: Message, asked: Any) -> Result:
    return read_resource(asking, str(asked.uri), modern=message.modern)


def _list_prompts(asking: Asking, message: Message, asked: Any) -> Result:
    return list_prompts(asking, asked.cursor if asked is not None else None)


def _get_prompt(asking: Asking, message: Message, asked: Any) -> Result:
    return get_prompt(asking, name=asked.name, arguments=asked.arguments or {})


def _ping(asking: Asking, message: Message, asked: Any) -> Result:
    return EmptyResult()


METHODS: Mapping[str, Callable[[Asking, Message, Any], Result]] = {
    "initialize": _initialize,
    "ping": _ping,
    "server/discover": _discover,
    "tools/list": _list_tools,
    "tools/call": _call_tool,
    "resources/list": _list_resources,
    "resources/templates/list": _list_templates,
    "resources/read": _read_resource,
    "prompts/list": _list_prompts,
    "prompts/get": _get_prompt,
    "subscriptions/listen": _ping,  # answered by a stream, in `_listen`
}


def _listen(request: HttpRequest, message: Message, asked: Any, asking: Asking) -> HttpResponseBase:
    if not _accepts(request, "text/event-stream"):
        raise ProtocolError(INVALID_REQUEST, "This is answered by a stream: accept text/event-stream.", status=406)
    header, program = request.headers.get("Authorization", ""), request.headers.get("User-Agent", "")

    def again() -> AuthenticatedAgent:
        with during_request_by(program):
            agent = authenticate(header)
        if message.client:
            admit_program(kind=UseKind.MCP_CLIENT, stated=message.client, agent_id=agent.principal.id)
        return agent

    frames = Listening(message=message, wanted=wanted_of(asked.notifications), agent=asking.agent, again=again)
    response = StreamingHttpResponse(frames, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response
