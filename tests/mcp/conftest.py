"""An agent that speaks MCP: message by message as its bytes, or through the client of the official SDK over HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from agents.mcp import limits
from agents.models import Scope
from tests.agents.conftest import Presented, contract, give
from tests.cast import Cast, creation, publish

MODERN = "2026-07-28"
EVERYTHING = tuple(Scope.values)
CAP = "The liability of the broker is capped at twice the annual fees."


@dataclass(frozen=True)
class Speaker:
    """Sends single messages with an agent's key."""

    presented: Presented

    def send(
        self, body: Any, *, raw: bytes | None = None, content_type: str = "application/json", **headers: str
    ) -> Any:
        sent = raw if raw is not None else json.dumps(body).encode()
        more = {"Authorization": f"Bearer {self.presented.bearer}", **headers}
        return Client(raise_request_exception=False).post("/mcp", sent, content_type=content_type, headers=more)

    def ask(self, method: str, params: dict[str, Any] | None = None, **headers: str) -> Any:
        """The frame of the answer to a request of the handshake's era."""
        answer = self.send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}, **headers)
        assert answer["Content-Type"] == "application/json"
        return json.loads(answer.content)

    def call(self, tool: str, **arguments: Any) -> Any:
        """The result of a tool, whether or not it is an error."""
        frame = self.ask("tools/call", {"name": tool, "arguments": arguments})
        assert "result" in frame, frame
        return frame["result"]

    def done(self, tool: str, **arguments: Any) -> Any:
        """What a tool answers that is not refused."""
        result = self.call(tool, **arguments)
        assert not result.get("isError"), result
        return result["structuredContent"]

    def refused(self, tool: str, **arguments: Any) -> Any:
        result = self.call(tool, **arguments)
        assert result["isError"], result
        return result["structuredContent"]

    def modern(self, method: str, params: dict[str, Any] | None = None, *, client: str = "", **headers: str) -> Any:
        """The response to a request that stands for itself."""
        meta: dict[str, Any] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        if client:
            meta["io.modelcontextprotocol/clientInfo"] = {"name": client, "version": "1"}
        asked = {**(params or {}), "_meta": meta}
        named = asked.get("name") or asked.get("uri")
        more = {
            "MCP-Protocol-Version": MODERN,
            "Mcp-Method": method,
            **({"Mcp-Name": named} if named else {}),
            **headers,
        }
        return self.send({"jsonrpc": "2.0", "id": "a", "method": method, "params": asked}, **more)


def speaker(cast: Cast, *, scopes: tuple[str, ...] = EVERYTHING, slug: str = "comparer", **more: Any) -> Speaker:
    """An agent of Legal that holds a contract of the liability cap."""
    if slug == "comparer":
        publish(
            cast,
            creation("legal/cap", body=CAP, title="Liability cap"),
            creation("legal/secret", body="Nobody knows.", sensitivity="confidential"),
            creation("sales/price", body="A hundred."),
        )
    held = contract(cast, [{"key": "legal/cap"}], slug="review" if slug == "comparer" else f"{slug}-contract", **more)
    return Speaker(give(cast, held, slug=slug, scopes=scopes))


@pytest.fixture
def agent(cast: Cast) -> Speaker:
    return speaker(cast)


@pytest.fixture(autouse=True)
def _full_buckets() -> None:
    limits._buckets.clear()
