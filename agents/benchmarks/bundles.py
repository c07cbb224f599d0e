"""Times the bundle request over HTTP beside the bare SQL it needs and a bare view; must not serve real data."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from agents import authentication
from agents.authentication import AuthenticatedAgent, authenticate
from agents.benchmarks.measuring import HttpCalls, Report, SqlCalls, Step, Timing, measure
from agents.benchmarks.publications import ask, publications, request_for
from agents.benchmarks.scratch import Scratch, scratch_database
from agents.benchmarks.server import web_server
from agents.benchmarks.world import MATCHES, PAST, REQUIRED, World, build_world
from agents.models import Receipt
from context.embeddings import model_name
from context.matches import PASSAGES_EACH
from context.search import parameters
from context.search_statement import statement
from context.visibility import reader, visible

REQUESTS = 20_000
REPEATED = 10  # questions that are asked again and again; each is assembled once by each process
BARE_SITE = "agents.benchmarks.bare_site:application"

# What a careful program would ask by hand: no more than the bundle holds, with the same access rules inside.
REQUIRED_TEXTS = f"""
SELECT item.key, kind.slug, item.sensitivity, version.number, version.digest, version.title, version.body, version.data,
       version.approvals, version.published_at, version.valid_to, version.superseded_at
FROM context_contextitem item
JOIN context_kind kind ON kind.id = item.kind_id
JOIN context_contextversion version ON version.item_id = item.id
WHERE item.key = ANY (%(keys)s::text[]) AND {visible("item")}
AND version.published_at <= statement_timestamp() AND version.valid_from <= statement_timestamp()
AND (version.valid_to IS NULL OR version.valid_to > statement_timestamp())
AND (version.superseded_at IS NULL OR version.superseded_at > statement_timestamp())
"""
RECEIPT = """
INSERT INTO agents_receipt (kind, agent_id, key_prefix, bundle_id, served_at, request_id, task_digest, client, repeats)
VALUES ('delivered', %(agent)s, %(key)s, %(bundle)s, now(), '', '', '', 0) RETURNING id
"""


def run(*, items: int, clients: int, seconds: float, say: Callable[[str], None]) -> Report:
    """Make the world, start the servers, time every case one after the other, throw everything away."""
    with scratch_database() as scratch:
        world = build_world(items=items, say=say)
        agent = authenticate(f"Bearer {world.bearer}")
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder)
            with (
                web_server(url=scratch.web, log=log / "web.log") as port,
                web_server(url=scratch.web, log=log / "bare.log", site=BARE_SITE, ready="/bare/") as bare,
            ):
                cases: dict[str, Timing] = {}
                for name, (calls, seats) in _cases(scratch, world, agent, port, bare, clients).items():
                    say(f"timing {name}")
                    cases[name] = measure(calls, clients=seats, seconds=seconds)
                say("timing publications")
                cases |= publications(world=world, port=port)
        setting = {
            "items": items,
            "passages": world.passages,
            "clients": clients,
            "seconds": seconds,
            "required": REQUIRED,
            "matches": MATCHES,
            "embedding_model": model_name(),
            **_server(),
        }
    return Report(cases=cases, ratios=_ratios(cases), setting=setting)


def _cases(
    scratch: Scratch, world: World, agent: AuthenticatedAgent, port: int, bare: int, clients: int
) -> dict[str, tuple[HttpCalls | SqlCalls, int]]:
    asked = [{"contract": "full", "query": question} for question in world.questions]
    digest = _first_digest(_http(world, port, asked))
    # Questions that were asked before, each time with another budget: assembled anew, but for the question's vector.
    anew = [{**asked[turn % len(asked)], "token_budget": 60_000 - turn} for turn in range(REQUESTS)]
    # One client's own: what was asked a minute ago would be remembered.
    alone = [{**asked[turn % len(asked)], "token_budget": 30_000 - turn} for turn in range(REQUESTS // 4)]
    past = [{**each, "as_of": PAST.isoformat()} for each in anew]
    new = [
        {**asked[turn % len(asked)], "query": f"{world.questions[turn % len(asked)]} {turn}"}
        for turn in range(REQUESTS)
    ]
    required = [{"contract": "required"}]
    required_anew = [{"contract": "required", "token_budget": 60_000 - turn} for turn in range(REQUESTS)]
    etag = _etag(world, port, required[0])
    one = _http(world, port, required)
    full_sql = _sql(scratch, world, agent, digest, with_matches=True, with_record=True)
    required_sql = _sql(scratch, world, agent, digest, with_matches=False, with_record=True)
    return {
        "bare_sql": (full_sql, clients),
        "bundle": (_http(world, port, anew), clients),
        "bundle_as_of": (_http(world, port, past), clients),
        "bundle_new_question": (_http(world, port, new), clients),
        "bundle_repeated": (_http(world, port, asked[:REPEATED]), clients),
        "bare_sql_reads": (_sql(scratch, world, agent, digest, with_matches=True, with_record=False), clients),
        "bare_sql_required": (required_sql, clients),
        "bundle_required_anew": (_http(world, port, required_anew), clients),
        "bare_view": (_view(bare), clients),
        "bundle_required": (one, clients),
        "not_modified": (_http(world, port, required, expected=304, etag=etag), clients),
        "refusal": (_http(world, port, [{"contract": "refused"}], expected=409), clients),
        "bare_sql_one_client": (full_sql, 1),
        "bundle_one_client": (_http(world, port, alone), 1),
        "bare_view_one_client": (_view(bare), 1),
        "bundle_required_one_client": (one, 1),
    }


def _ratios(cases: Mapping[str, Timing]) -> dict[str, float]:
    def latency(name: str, base: str) -> float:
        return cases[name].p50_ms / cases[base].p50_ms

    def rate(name: str, base: str) -> float:
        return cases[name].per_second / cases[base].per_second

    return {
        "bundle_p50_to_bare_sql": latency("bundle", "bare_sql"),
        "bundle_p50_to_bare_sql_one_client": latency("bundle_one_client", "bare_sql_one_client"),
        "bundle_repeated_p50_to_bare_sql": latency("bundle_repeated", "bare_sql"),
        "required_anew_p50_to_bare_sql": latency("bundle_required_anew", "bare_sql_required"),
        "required_per_second_to_bare_view": rate("bundle_required", "bare_view"),
        "not_modified_per_second_to_bare_view": rate("not_modified", "bare_view"),
        "as_of_p50_to_bundle": latency("bundle_as_of", "bundle"),
        "bundle_p99_to_p50": cases["bundle"].p99_ms / cases["bundle"].p50_ms,
        "required_p99_to_p50": cases["bundle_required"].p99_ms / cases["bundle_required"].p50_ms,
        "not_modified_p99_to_p50": cases["not_modified"].p99_ms / cases["not_modified"].p50_ms,
    }


def _http(world: World, port: int, bodies: list[dict[str, Any]], *, expected: int = 200, etag: str = "") -> HttpCalls:
    return HttpCalls(
        host="127.0.0.1",
        port=port,
        requests=tuple(request_for(world.bearer, port, body, etag=etag) for body in bodies),
        expected=expected,
    )


def _view(port: int) -> HttpCalls:
    request = f"GET /bare/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    return HttpCalls(host="127.0.0.1", port=port, requests=(request,), expected=200)


def _etag(world: World, port: int, body: dict[str, Any]) -> str:
    return f'"{json.loads(ask(world.bearer, port, body))["digest"]}"'


def _server() -> dict[str, str]:
    names = ("server_version", "fsync", "synchronous_commit")
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
        return dict(zip(names, cursor.fetchone(), strict=True))


def _first_digest(calls: HttpCalls) -> str:
    """Ask once for each question, so that no case pays for what is done once; the digest of a bundle that is stored."""
    call = calls.open(0)
    for turn in range(len(calls.requests)):
        call(turn)
    return str(Receipt.objects.latest("pk").bundle_id)


def _sql(
    scratch: Scratch, world: World, agent: AuthenticatedAgent, digest: str, *, with_matches: bool, with_record: bool
) -> SqlCalls:
    who = reader(agent.principal)
    key: Step = (
        authentication.STATEMENT,
        {"prefix": agent.key_prefix, "interval": authentication.USE_IS_NOTED_EVERY},
    )
    texts: Step = (REQUIRED_TEXTS, {**who, "keys": list(world.required)})
    read: tuple[tuple[Step, ...], ...] = ((key, texts),)
    if with_matches:
        read = tuple((key, texts, _search(agent, question)) for question in world.questions)
    recorded = {"agent": agent.principal.id, "key": agent.key_prefix, "bundle": digest}
    written: tuple[Step, ...] = ((RECEIPT, recorded),)
    return SqlCalls(
        url=scratch.web,
        options=str(settings.DATABASES["default"]["OPTIONS"].get("options", "")),
        read=read,
        written=written if with_record else (),
    )


def _search(agent: AuthenticatedAgent, question: str) -> Step:
    asked = parameters(principal=agent.principal, words=question, limit=PASSAGES_EACH * MATCHES, at=timezone.now())
    return statement(limit=PASSAGES_EACH * MATCHES), asked
