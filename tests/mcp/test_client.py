"""The official SDK's own client against the served site: both eras, tools, resources, prompts, streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from django.utils import timezone
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated, SubscriptionLost, listen
from mcp.shared.exceptions import MCPError

from agents.keys import revoke_key
from agents.models import Receipt, UnsanctionedUse
from tests.cast import Cast, creation, publish, revision
from tests.mcp.conftest import CAP, Speaker, speaker

URI = "plumbline://items/legal/cap"


@pytest.fixture
def agent(served_site: str, cast: Cast) -> Speaker:
    return speaker(cast)


@asynccontextmanager
async def connected(site: str, agent: Speaker, mode: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {agent.presented.bearer}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(f"{site}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


def run(site: str, agent: Speaker, use: Callable[[Client], Awaitable[Any]], *, mode: str = "auto") -> Any:
    async def whole() -> Any:
        with anyio.fail_after(60):
            async with connected(site, agent, mode) as client:
                return await use(client)

    # In a thread of its own: a browser test before may have left an event loop in this one.
    with ThreadPoolExecutor(max_workers=1) as apart:
        return apart.submit(anyio.run, whole).result()


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
def test_client__either_era__negotiates_lists_calls_reads_and_renders(
    served_site: str, agent: Speaker, mode: str, version: str
) -> None:
    receipts: list[int] = []

    async def use(client: Client) -> None:
        assert client.protocol_version == version
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert {"get_bundle", "search_context", "lookup_term", "propose_change", "claim_run"} <= tools
        bundle = await client.call_tool("get_bundle", {"contract": "review"})
        assert bundle.structured_content["entries"][0]["text"] == CAP
        receipts.append(int(bundle.meta["plumbline-receipt"]))
        refused = await client.call_tool("get_bundle", {"contract": "review", "token_budget": 1})
        assert refused.is_error
        assert refused.structured_content["gaps"][0]["code"] == "over_budget"
        found = {str(resource.uri) for resource in (await client.list_resources()).resources}
        assert found == {URI, "plumbline://contracts/review"}
        read = await client.read_resource(URI)
        assert CAP in read.contents[0].text
        assert {each.name for each in (await client.list_resource_templates()).resource_templates} == {
            "item",
            "contract",
        }
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["review"]
        prompt = await client.get_prompt("review", {})
        assert CAP in prompt.messages[0].content.text
        with pytest.raises(MCPError):
            await client.read_resource("plumbline://items/legal/secret")

    run(served_site, agent, use, mode=mode)
    assert Receipt.objects.filter(pk__in=receipts, agent=agent.presented.agent).count() == 1
    assert UnsanctionedUse.objects.filter(kind="mcp_client", name="mcp").exists()


def test_listen__watched_text_published__is_told_and_hidden_text_is_not(
    served_site: str, agent: Speaker, cast: Cast
) -> None:
    def change() -> None:
        publish(cast, creation("sales/discount", body="Ten."), revision("legal/secret", body="Still."))
        publish(cast, revision("legal/cap", body="Capped higher."), creation("legal/new", body="New."))

    async def use(client: Client) -> Any:
        hidden = "plumbline://items/legal/secret"
        session = client.session
        async with listen(session, resources_list_changed=True, resource_subscriptions=[URI, hidden]) as stream:
            await anyio.to_thread.run_sync(change)
            told = {await anext(stream), await anext(stream)}
            with anyio.move_on_after(1.5):
                told.add(await anext(stream))
            return told

    assert run(served_site, agent, use) == {ResourceUpdated(uri=URI), ResourcesListChanged()}


def test_listen__key_revoked__ends_the_stream(served_site: str, agent: Speaker, cast: Cast) -> None:
    async def use(client: Client) -> str:
        async with listen(client.session, resource_subscriptions=[URI]) as stream:
            await anyio.to_thread.run_sync(
                lambda: revoke_key(actor=cast.admin, key=agent.presented.key, now=timezone.now())
            )
            try:
                await anext(stream)
            except SubscriptionLost:
                return "lost"
            return "told"

    assert run(served_site, agent, use) == "lost"


def test_client__wrong_key__is_told_to_authenticate(served_site: str, agent: Speaker) -> None:
    answer = httpx2.post(
        f"{served_site}/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "ping"},
        headers={"Authorization": "Bearer plk_000000000000_" + "x" * 43},
    )
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="Plumbline"')
    assert json.loads(answer.content)["error"]["data"]["type"].endswith("/not-authenticated")
