"""Times the bundle request over HTTP beside the bare SQL it needs and a bare view; must not serve real data."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from agents import authentication
from agents.authentication import AuthenticatedAgent, authenticate
from agents.benchmarks.measuring import HttpCalls, SqlCalls, Step, Timing, measure
from agents.benchmarks.scratch import Scratch, scratch_database
from agents.benchmarks.server import web_server
from agents.benchmarks.world import MATCHES, REQUIRED, World, build_world
from agents.models import Receipt
from context.embeddings import encode_query, model_name, vector_text
from context.search import MEANING
from context.search_statement import SEARCH
from context.visibility import reader, visible
from governance.audit import ledger

NEW_QUESTIONS = 20_000

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
INSERT INTO agents_receipt (agent_id, key_prefix, bundle_id, served_at, request_id, task_digest)
VALUES (%(agent)s, %(key)s, %(bundle)s, now(), '', '') RETURNING id
"""
LOCK = "SELECT pg_advisory_xact_lock(%(lock)s)"
EVENT = """
INSERT INTO governance_auditevent (sequence, at, recorded_at, actor_kind, actor_id, actor_label, action, subject_type,
    subject_id, subject_label, sensitivity, request_id, before_digest, after_digest, data, salt, payload_digest,
    previous_hash, hash)
SELECT sequence + 1, now(), now(), 'agent', %(agent)s, 'Bench', 'agents.bundle.served', 'bundle', %(bundle)s, 'Bench',
       1, '', '', %(bundle)s, '{}', '', '', hash, encode(sha256(hash::bytea), 'hex')
FROM governance_auditevent ORDER BY sequence DESC LIMIT 1 RETURNING sequence
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The timings by case, and the ratios that the goals are stated in."""

    cases: Mapping[str, Timing]
    ratios: Mapping[str, float]
    setting: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {
            "cases": {name: timing.as_json() for name, timing in self.cases.items()},
            "ratios": {name: round(value, 3) for name, value in self.ratios.items()},
            "setting": dict(self.setting),
        }


def run(*, items: int, clients: int, seconds: float, say: Callable[[str], None]) -> Report:
    """Make the world, start the server, time every case one after the other, throw everything away."""
    with scratch_database() as scratch:
        world = build_world(items=items, say=say)
        agent = authenticate(f"Bearer {world.bearer}")
        with tempfile.TemporaryDirectory() as folder, web_server(url=scratch.web, log=Path(folder) / "web.log") as port:
            cases = {}
            for name, (calls, seats) in _cases(scratch, world, agent, port, clients).items():
                say(f"timing {name}")
                cases[name] = measure(calls, clients=seats, seconds=seconds)
    setting = {
        "items": items,
        "passages": world.passages,
        "clients": clients,
        "seconds": seconds,
        "required": REQUIRED,
        "matches": MATCHES,
        "embedding_model": model_name(),
    }
    return Report(cases=cases, ratios=_ratios(cases), setting=setting)


def _cases(
    scratch: Scratch, world: World, agent: AuthenticatedAgent, port: int, clients: int
) -> dict[str, tuple[HttpCalls | SqlCalls, int]]:
    asked = [{"contract": "full", "query": question} for question in world.questions]
    new = [
        {"contract": "full", "query": f"{question} {turn}"}
        for turn in range(NEW_QUESTIONS // 200)
        for question in world.questions
    ]
    then = timezone.now().isoformat()
    bundle = _http(world, port, asked)
    required = _http(world, port, [{"contract": "required"}])
    digest = _first_digest(bundle)
    full_sql = _sql(scratch, world, agent, digest, with_matches=True, with_record=True)
    required_sql = _sql(scratch, world, agent, digest, with_matches=False, with_record=True)
    return {
        "bare_sql": (full_sql, clients),
        "bare_sql_reads": (_sql(scratch, world, agent, digest, with_matches=True, with_record=False), clients),
        "bundle": (bundle, clients),
        "bundle_new_question": (_http(world, port, new), clients),
        "bundle_as_of": (_http(world, port, [{**each, "as_of": then} for each in asked]), clients),
        "bare_sql_required": (required_sql, clients),
        "bundle_required": (required, clients),
        "bare_view": (_view(port), clients),
        "refusal": (_http(world, port, [{"contract": "refused"}], expected=409), clients),
        "bare_sql_one_client": (full_sql, 1),
        "bundle_one_client": (bundle, 1),
        "bare_sql_required_one_client": (required_sql, 1),
        "bundle_required_one_client": (required, 1),
    }


def _ratios(cases: Mapping[str, Timing]) -> dict[str, float]:
    def latency(name: str, base: str) -> float:
        return cases[name].p50_ms / cases[base].p50_ms

    return {
        "bundle_p50_to_bare_sql": latency("bundle", "bare_sql"),
        "bundle_p50_to_bare_sql_one_client": latency("bundle_one_client", "bare_sql_one_client"),
        "required_p50_to_bare_sql": latency("bundle_required", "bare_sql_required"),
        "required_p50_to_bare_sql_one_client": latency("bundle_required_one_client", "bare_sql_required_one_client"),
        "required_per_second_to_bare_view": cases["bundle_required"].per_second / cases["bare_view"].per_second,
        "as_of_p50_to_bundle": latency("bundle_as_of", "bundle"),
        "refusal_p50_to_required": latency("refusal", "bundle_required"),
        "bundle_p99_to_p50": cases["bundle"].p99_ms / cases["bundle"].p50_ms,
        "required_p99_to_p50": cases["bundle_required"].p99_ms / cases["bundle_required"].p50_ms,
    }


def _http(world: World, port: int, bodies: list[dict[str, Any]], *, expected: int = 200) -> HttpCalls:
    return HttpCalls(
        host="127.0.0.1",
        port=port,
        requests=tuple(_request(world.bearer, port, json.dumps(body).encode()) for body in bodies),
        expected=expected,
    )


def _request(bearer: str, port: int, body: bytes) -> bytes:
    head = (
        f"POST /api/v1/bundles/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {bearer}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _view(port: int) -> HttpCalls:
    request = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    return HttpCalls(host="127.0.0.1", port=port, requests=(request,), expected=200)


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
        read = tuple((key, texts, _search(who, question)) for question in world.questions)
    recorded = {"agent": agent.principal.id, "key": agent.key_prefix, "bundle": digest}
    written: tuple[Step, ...] = (
        (RECEIPT, recorded),
        (LOCK, {"lock": ledger.LEDGER_LOCK}),
        (EVENT, recorded),
    )
    return SqlCalls(
        url=scratch.web,
        options=str(settings.DATABASES["default"]["OPTIONS"].get("options", "")),
        read=read,
        written=written if with_record else (),
    )


def _search(who: Mapping[str, Any], question: str) -> Step:
    parameters = {
        **who,
        "query": question,
        "vector": vector_text(encode_query(question)),
        "model": model_name(),
        "meaning": MEANING,
        "kinds": None,
        "domains": None,
        "keys": None,
        "at": timezone.now(),
        "limit": REQUIRED + MATCHES,
    }
    return SEARCH, parameters
