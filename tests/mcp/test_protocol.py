"""Both eras of the protocol, and what is sent by those who mean no good: JSON-RPC errors, never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.keys import revoke_key
from agents.mcp import limits, listening, resources
from agents.mcp.limits import take_turn
from agents.models import UnsanctionedUse
from agents.programs import settle_use
from agents.subscriptions import TooManyWait
from config.api.errors import TooManyRequests
from tests.cast import Cast, creation, publish
from tests.mcp.conftest import MODERN, Speaker, speaker

PING = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
HELLO: dict[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "stranger", "version": "1"},
}
HOSTILE = {
    "empty": b"",
    "no json": b"{",
    "batch": json.dumps([PING, PING]).encode(),
    "empty batch": b"[]",
    "text": b'"ping"',
    "not utf-8": b'{"jsonrpc":"2.0","id":1,"method":"\xff"}',
    "same name twice": b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
    "deep": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep arguments": json.dumps({**PING, "params": json.loads('{"a":' * 60 + "1" + "}" * 60)}).encode(),
    "nul": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a\\u0000b"}}',
    "lone surrogate": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800"}}',
    "not a number": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}',
    "huge number": b'{"jsonrpc":"2.0","id":' + b"9" * 5_000 + b',"method":"ping"}',
    "null id": b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
    "fraction as id": b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
    "long id": json.dumps({**PING, "id": "x" * 201}).encode(),
    "old json-rpc": b'{"id":1,"method":"ping"}',
    "a response": b'{"jsonrpc":"2.0","id":1,"result":{}}',
    "params as a list": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}',
    "huge": json.dumps({**PING, "params": {"a": "x" * 2_100_000}}).encode(),
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_body__hostile__is_a_json_rpc_error(agent: Speaker, raw: bytes) -> None:
    answer = agent.send(None, raw=raw)
    assert 400 <= answer.status_code < 500
    frame = json.loads(answer.content)
    assert (frame["jsonrpc"], set(frame)) == ("2.0", {"jsonrpc", "id", "error"})
    assert frame["error"]["code"] in (-32700, -32600)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Accept": "text/html"}, 406),
        ({"MCP-Protocol-Version": "1999-01-01"}, 400),
        ({"MCP-Protocol-Version": MODERN}, 400),
    ],
)
def test_headers__that_do_not_fit__are_refused(agent: Speaker, more: dict[str, str], status: int) -> None:
    answer = agent.send(PING, **more)
    assert answer.status_code == status
    assert "error" in json.loads(answer.content)


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_method__other_than_post__is_not_taken(agent: Speaker, method: str) -> None:
    answer = getattr(Client(), method)("/mcp", headers={"Authorization": f"Bearer {agent.presented.bearer}"})
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_key__in_the_address__is_refused_in_a_sentence_and_never_repeated(agent: Speaker) -> None:
    key = agent.presented.bearer
    for query in (f"key={key}", f"x={key}", "access_token=abc", "API_KEY=1"):
        answer = Client().post(f"/mcp?{query}", json.dumps(PING), content_type="application/json")
        assert answer.status_code == 400
        assert "never taken from an address" in answer.content.decode()
        assert key not in answer.content.decode()
    other = Client().post("/mcp?a=1", json.dumps(PING), content_type="application/json")
    assert "no query" in other.content.decode()


def test_origin__of_another_site__is_refused_and_ours_and_named_ones_are_not(agent: Speaker, settings: Any) -> None:
    settings.MCP_ALLOWED_ORIGINS = ("https://tools.example.org",)
    for origin, status in (
        ("http://testserver", 200),
        ("https://tools.example.org", 200),
        ("https://testserver", 403),
        ("http://testserver:8001", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
    ):
        assert agent.send(PING, Origin=origin).status_code == status, origin


def test_authentication__of_people_wrong_revoked_or_none__is_401(cast: Cast, agent: Speaker) -> None:
    revoke_key(actor=cast.admin, key=agent.presented.key, now=timezone.now())
    for header in (f"Bearer {agent.presented.bearer}", "Bearer plp_x", "Basic abc", ""):
        answer = agent.send(PING, Authorization=header)
        assert answer.status_code == 401, header
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert json.loads(answer.content)["error"]["data"]["type"] == "/problems/not-authenticated"
    client = Client()
    client.force_login(cast.admin)
    assert client.post("/mcp", json.dumps(PING), content_type="application/json").status_code == 401


def test_initialize__each_version__is_agreed_or_the_newest_of_its_era_offered(agent: Speaker) -> None:
    for asked, agreed in (("2025-06-18", "2025-06-18"), ("2024-11-05", "2024-11-05"), ("2099-01-01", "2025-11-25")):
        result = agent.ask("initialize", {**HELLO, "protocolVersion": asked})["result"]
        assert result["protocolVersion"] == agreed
        assert "get_bundle" in result["instructions"]
    assert agent.ask("ping")["result"] == {}
    assert agent.send({"jsonrpc": "2.0", "method": "notifications/initialized"}).status_code == 202
    assert agent.ask("server/discover")["error"]["code"] == -32601
    assert agent.ask("initialize", {})["error"]["code"] == -32602


def test_capabilities__of_a_key_without_scopes_for_it__are_not_claimed(cast: Cast) -> None:
    agent = speaker(cast, scopes=("search:read",))
    assert set(agent.ask("initialize", HELLO)["result"]["capabilities"]) == {"tools"}
    assert agent.ask("resources/list")["result"]["resources"] == []
    assert agent.ask("resources/read", {"uri": "plumbline://items/legal/cap"})["error"]["code"] == -32002


def test_modern__request_that_stands_for_itself__is_answered_with_the_server_beside(agent: Speaker) -> None:
    result = json.loads(agent.modern("server/discover").content)["result"]
    assert result["supportedVersions"][0] == MODERN
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "plumbline"
    assert result["resultType"] == "complete"
    assert agent.modern("initialize", HELLO).status_code == 404
    assert agent.modern("no/such").status_code == 404
    named = agent.modern("resources/read", {"uri": "plumbline://items/legal/cap"})
    assert json.loads(named.content)["result"]["contents"][0]["mimeType"] == "text/markdown"
    hidden = agent.modern("resources/read", {"uri": "plumbline://items/legal/secret"})
    none = agent.modern("resources/read", {"uri": "plumbline://items/legal/secrex"})
    assert hidden.status_code == none.status_code == 400
    assert hidden.content.replace(b"secret", b"") == none.content.replace(b"secrex", b"")


@pytest.mark.parametrize(
    "headers", [{"Mcp-Method": "ping"}, {"Mcp-Name": "other"}, {"MCP-Protocol-Version": "2025-11-25"}]
)
def test_modern__headers_that_say_otherwise_than_the_body__are_refused(agent: Speaker, headers: dict[str, str]) -> None:
    answer = agent.modern("tools/call", {"name": "get_item", "arguments": {"key": "legal/cap"}}, **headers)
    assert (answer.status_code, json.loads(answer.content)["error"]["code"]) == (400, -32020)


def test_client_name__that_no_agent_declares__is_listed_and_once_blocked_refused_at_its_next_request(
    cast: Cast, agent: Speaker
) -> None:
    answer = agent.send({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO})
    session = answer["Mcp-Session-Id"]
    assert agent.modern("tools/list", client="newcomer").status_code == 200
    assert {use.name for use in UnsanctionedUse.objects.filter(kind="mcp_client")} == {"stranger", "newcomer"}
    for use in UnsanctionedUse.objects.all():
        settle_use(actor=cast.admin, use=use, state="blocked", reason="Unknown", now=timezone.now())
    for refused in (agent.send(PING, **{"Mcp-Session-Id": session}), agent.modern("tools/list", client="newcomer")):
        assert refused.status_code == 403
        assert json.loads(refused.content)["error"]["data"]["type"] == "/problems/program-blocked"
    assert agent.send(PING).status_code == 200


def test_session__altered_or_of_another_key__is_unknown(cast: Cast, agent: Speaker) -> None:
    session = agent.send({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO})["Mcp-Session-Id"]
    assert agent.send(PING, **{"Mcp-Session-Id": session}).status_code == 200
    assert agent.send(PING, **{"Mcp-Session-Id": session + "x"}).status_code == 404
    assert speaker(cast, slug="other").send(PING, **{"Mcp-Session-Id": session}).status_code == 404


def test_limit__of_a_key__is_429_with_when_to_come_again(agent: Speaker, settings: Any) -> None:
    settings.MCP_CALLS_PER_MINUTE = 2
    assert [agent.send(PING).status_code for _ in range(3)] == [200, 200, 429]
    answer = agent.send(PING)
    assert 0 < int(answer["Retry-After"]) <= 31
    assert json.loads(answer.content)["error"]["data"]["limit"] == 2


def test_limit__time_passes__gives_calls_back_evenly_and_never_more_than_fit(settings: Any) -> None:
    settings.MCP_CALLS_PER_MINUTE = 60
    for _ in range(60):
        take_turn(key=1, now=0)
    with pytest.raises(TooManyRequests):
        take_turn(key=1, now=0.9)
    take_turn(key=1, now=1.1)
    take_turn(key=2, now=1.1)
    for _ in range(60):
        take_turn(key=1, now=10_000)
    with pytest.raises(TooManyRequests):
        take_turn(key=1, now=10_000)
    assert set(limits._buckets) == {1, 2}


def test_resources__more_than_a_page__are_listed_by_cursor_once_each(
    cast: Cast, agent: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(cast, *(creation(f"legal/text-{number}") for number in range(4)))
    whole = [each["uri"] for each in agent.ask("resources/list")["result"]["resources"]]
    assert whole[0] == "plumbline://contracts/review"
    for size in (1, 2, 3, 5, 6):
        monkeypatch.setattr(resources, "PAGE", size)
        found, cursor = [], None
        for _ in range(20):
            page = agent.ask("resources/list", {"cursor": cursor} if cursor else {})["result"]
            found += [each["uri"] for each in page["resources"]]
            cursor = page.get("nextCursor")
            if cursor is None:
                break
        assert found == whole, size
    for cursor in ("x", resources.write_cursor(of="prompts", kind="contract", after="")):
        assert agent.ask("resources/list", {"cursor": cursor})["error"]["code"] == -32602


def leave(response: Any) -> None:
    """Close a stream as the web server does, but for the end of the request, which would close the test's database."""
    for close in response._resource_closers:
        close()


def test_listen__more_streams_than_a_key_may_have__is_told_at_once_and_seats_come_back(
    agent: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "LONGEST_SECONDS", 0)
    asked = {"notifications": {"resourcesListChanged": True, "toolsListChanged": True}}
    streams = [agent.modern("subscriptions/listen", asked) for _ in range(2)]
    third = agent.modern("subscriptions/listen", asked)
    assert (third.status_code, third["Retry-After"]) == (503, "5")
    text = b"".join(streams[0].streaming_content).decode()
    told = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert told[0]["params"]["notifications"] == {"resourcesListChanged": True}
    assert told[1]["id"] == "a"
    leave(streams[1])  # never read
    again = agent.modern("subscriptions/listen", asked)
    assert again.status_code == 200
    leave(again)
    assert not listening._streams
    assert agent.modern("subscriptions/listen", asked, Accept="application/json").status_code == 406
    many = {"notifications": {"resourceSubscriptions": [f"plumbline://items/legal/{n}" for n in range(101)]}}
    assert agent.modern("subscriptions/listen", many).status_code == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
METHODS = st.sampled_from(["tools/call", "resources/read", "prompts/get", "resources/list", "initialize", "ping"])
NAMES = st.sampled_from(["get_bundle", "get_item", "remember", "report_feedback", "start_run", "check_output", "x"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=METHODS | st.text(max_size=20), name=NAMES, arguments=JSON, params=st.none() | JSON)
def test_anything__in_any_place__is_answered_or_refused_and_never_fails(
    agent: Speaker, method: str, name: str, arguments: Any, params: Any
) -> None:
    limits._buckets.clear()
    asked = params if params is not None else {"name": name, "arguments": arguments}
    for answer in (
        agent.send({"jsonrpc": "2.0", "id": 1, "method": method, "params": asked}),
        agent.modern(
            method if method.isascii() and method.isprintable() else "ping", asked if isinstance(asked, dict) else None
        ),
    ):
        assert answer.status_code < 500, answer.content
        frame = json.loads(b"".join(answer.streaming_content)) if answer.streaming else json.loads(answer.content)
        assert ("result" in frame) != ("error" in frame)


def test_waiting__seats_of_the_process_taken__is_told_at_once(agent: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_free() -> Any:
        raise TooManyWait("All taken.", fix="Later.")

    monkeypatch.setattr(listening, "take_seat", none_free)
    answer = agent.modern("subscriptions/listen", {"notifications": {}})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert not listening._streams
