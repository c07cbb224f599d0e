"""Frames JSON-RPC for MCP: reads a message, says which version it speaks, writes answers; knows not what is asked.

Two eras of the protocol come to the one address. Since 2026-07-28 each request stands for itself and carries its
version and client in `_meta`, mirrored in headers. Before, a client shook hands with `initialize` first.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    SERVER_INFO_META_KEY,
    Implementation,
    Result,
)
from mcp_types.jsonrpc import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
)
from mcp_types.methods import serialize_server_result
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, KNOWN_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from config.api.bodies import read_json
from config.api.errors import MalformedJson
from config.api.problems import document_of
from context.errors import DomainError

LARGEST_BODY = 2 * 1024 * 1024
LONGEST_ID = 200
VERSION_WITHOUT_HEADER = "2025-03-26"  # what a client of the handshake's era speaks that does not say
REFUSED = -32010  # ours, of the range left to implementations: a rule of Plumbline's was not met
RESOURCE_NOT_FOUND = -32002  # until 2025-11-25
SERVER = Implementation(name="plumbline", title="Plumbline", version="1")
# What the header Mcp-Name repeats of a request.
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_STATUS_OF = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    UNSUPPORTED_PROTOCOL_VERSION: 400,
    METHOD_NOT_FOUND: 404,
}
_NOT_READ = (400, 405, 406, 411, 413, 415, 422)
_ENCODED = re.compile(r"=\?base64\?([A-Za-z0-9+/=]*)\?=")


class ProtocolError(Exception):
    """A JSON-RPC error to answer with. `status` is that of HTTP; None: what the version says of the code."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        data: Any = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.data, self.status = code, message, data, status
        self.headers = headers or {}
        self.number: int | str | None = None  # the id of the request, where it was read


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One request, or a notification (`id` is None). `modern` says that it stands for itself, without a handshake."""

    id: int | str | None
    method: str
    params: dict[str, Any] | None
    modern: bool
    version: str
    client: str = ""


def read_message(request: HttpRequest) -> Message:
    """The one message of the body. Raises ProtocolError, or the DomainError of what HTTP does not take."""
    raw = request.body
    try:
        decoded = read_json(request, limit=LARGEST_BODY)
    except MalformedJson as error:
        if raw.lstrip()[:1] == b"[":
            raise ProtocolError(INVALID_REQUEST, "Batches are not taken: send one message at a time.") from error
        raise ProtocolError(PARSE_ERROR, error.detail, data=document_of(error)) from error
    shape = JSONRPCRequest if "id" in decoded else JSONRPCNotification
    try:
        found = shape.model_validate(decoded)
    except ValidationError as error:
        raise ProtocolError(INVALID_REQUEST, f"This is not one JSON-RPC request: {_first(error)}.") from error
    number = found.id if isinstance(found, JSONRPCRequest) else None
    if len(str(number)) > LONGEST_ID:
        raise ProtocolError(INVALID_REQUEST, f"id is longer than {LONGEST_ID} characters.")
    try:
        return _spoken(request, number, found.method, found.params)
    except ProtocolError as error:
        error.number = number
        raise


def _spoken(request: HttpRequest, number: int | str | None, method: str, params: dict[str, Any] | None) -> Message:
    """The message with its version: that of its own envelope, or of the handshake's era."""
    header = request.headers.get("MCP-Protocol-Version")
    meta = (params or {}).get("_meta")
    meta = meta if isinstance(meta, Mapping) else {}
    if header not in MODERN_PROTOCOL_VERSIONS and PROTOCOL_VERSION_META_KEY not in meta:
        if header is not None and header not in HANDSHAKE_PROTOCOL_VERSIONS:
            raise _unsupported(header)
        version = header or VERSION_WITHOUT_HEADER
        return Message(id=number, method=method, params=params, modern=False, version=version)
    if number is None:
        if header not in MODERN_PROTOCOL_VERSIONS:
            raise _unsupported(header)
        return Message(id=None, method=method, params=params, modern=True, version=str(header))
    missing = [key for key in (PROTOCOL_VERSION_META_KEY, CLIENT_CAPABILITIES_META_KEY) if key not in meta]
    if missing:
        raise ProtocolError(INVALID_PARAMS, f"params._meta lacks {' and '.join(missing)}.", status=400)
    spoken: Any = meta[PROTOCOL_VERSION_META_KEY]
    for name, sent, stated in (
        ("MCP-Protocol-Version", header, spoken),
        ("Mcp-Method", request.headers.get("Mcp-Method"), method),
        ("Mcp-Name", _decoded(request.headers.get("Mcp-Name")), (params or {}).get(_NAMED_BY.get(method, ""))),
    ):
        if sent != stated and (name != "Mcp-Name" or method in _NAMED_BY):
            raise ProtocolError(HEADER_MISMATCH, f"The header {name} does not repeat what the body says.", status=400)
    if spoken not in MODERN_PROTOCOL_VERSIONS:
        raise _unsupported(spoken)
    client = meta.get(CLIENT_INFO_META_KEY)
    called = client.get("name") if isinstance(client, Mapping) else None
    return Message(
        id=number,
        method=method,
        params=params,
        modern=True,
        version=spoken,
        client=called if isinstance(called, str) else "",
    )


def _unsupported(version: str | None) -> ProtocolError:
    return ProtocolError(
        UNSUPPORTED_PROTOCOL_VERSION,
        "This version of the protocol is not spoken here.",
        data={"supported": list(reversed(KNOWN_PROTOCOL_VERSIONS)), "requested": str(version)[:40]},
        status=400,
    )


def _decoded(header: str | None) -> str | None:
    """The value of a header, which is Base64 where the text would not survive as it is."""
    found = _ENCODED.fullmatch(header or "")
    if found is None:
        return header
    try:
        return base64.b64decode(found[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def result_frame(message: Message, result: Result) -> dict[str, Any]:
    """The answer to a request, in the shape that its version has."""
    said = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    shaped = serialize_server_result(message.method, message.version, said)
    if message.modern:
        shaped["_meta"] = {**shaped.get("_meta", {}), SERVER_INFO_META_KEY: SERVER.model_dump(exclude_none=True)}
    return {"jsonrpc": "2.0", "id": message.id, "result": shaped}


def result_response(message: Message, result: Result) -> HttpResponse:
    response = HttpResponse(orjson.dumps(result_frame(message, result)), content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response


def error_frame(number: int | str | None, error: ProtocolError) -> dict[str, Any]:
    told = JSONRPCError(
        jsonrpc="2.0", id=number, error=ErrorData(code=error.code, message=error.message, data=error.data)
    )
    return {**told.model_dump(mode="json", exclude_none=True), "id": number}


def error_response(error: ProtocolError, message: Message | None = None) -> HttpResponse:
    """The error as JSON-RPC. To a request of the handshake's era, it comes with status 200."""
    number = message.id if message is not None else error.number
    status = error.status
    if status is None:
        status = _STATUS_OF.get(error.code, 200) if message is None or message.modern else 200
    response = HttpResponse(orjson.dumps(error_frame(number, error)), status=status, content_type="application/json")
    response["Cache-Control"] = "no-store"
    for name, value in error.headers.items():
        response[name] = value
    return response


def refusal(error: DomainError, *, in_framing: bool) -> ProtocolError:
    """What the domain or HTTP refuses, as JSON-RPC. `in_framing`: before it was known what is asked for."""
    headers = {"WWW-Authenticate": 'Bearer realm="Plumbline"'} if error.status == 401 else {}
    if error.status == 405:
        headers["Allow"] = "POST"
    if "retry_after" in error.extra:
        headers["Retry-After"] = str(error.extra["retry_after"])
    code = REFUSED
    if error.status in _NOT_READ:
        code = INVALID_REQUEST if in_framing else INVALID_PARAMS
    status = (400 if error.status == 422 else error.status) if in_framing else None
    document = document_of(error)
    return ProtocolError(code, str(document["detail"]), data=document, status=status, headers=headers)


def invalid_params(error: ValidationError) -> ProtocolError:
    return ProtocolError(INVALID_PARAMS, f"The parameters do not fit: {_first(error)}.")


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in found["loc"])[:200]
    return f"{place}: {found['msg']}" if place else str(found["msg"])
