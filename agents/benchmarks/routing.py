"""Times decisions by a hundred rules, and the whole request beside the statements that its availability takes."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from agents.authentication import authenticate
from agents.benchmarks.measuring import HttpCalls, Report, SqlCalls, Step, Timing, measure, percentile
from agents.benchmarks.scratch import Scratch, scratch_database
from agents.benchmarks.server import web_server
from agents.benchmarks.world import REQUIRED, World, build_world
from agents.models import Agent
from agents.routing.candidates import AGENTS
from agents.routing.checks import check_table
from agents.routing.decide import Decider, compile_table
from agents.routing.facts import Facts, TargetContext, TargetFacts, context_values
from agents.routing.table import table_of
from context.access import Principal
from context.candidates import statement_by_key
from context.models import User
from context.visibility import reader
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.publishing import publish_change
from governance.reviews import review_change

RULES = 100
TYPES = 10
DECISIONS = 20_000
SHORTEST_SECONDS = 0.2
# Further agents that the rules lead to; they read alike, as the agents of one contract mostly do.
OTHERS = 2
# As agents ask, and the same where nothing gathered before may be used: who sends a cookie goes the whole way.
POSTS = {"POST decide": "", "POST decide, all anew": "Cookie: none=at-all\r\n"}
_READ_AS = (
    "SELECT set_config('plumbline.reader', 'principal', true), set_config('plumbline.clearance', %(clearance)s, true), "
    "set_config('plumbline.groups', %(groups)s, true), set_config('plumbline.person', '', true), "
    "set_config('plumbline.domains', %(domains)s, true)"
)


def run(*, items: int, clients: int, seconds: float, say: Callable[[str], None]) -> Report:
    """The decisions in this process on one core; the requests over HTTP, by one client and by many."""
    cases: dict[str, Timing] = {}
    for name, payload in (("by type", rules()), ("all of one type", rules(types=1)), ("tenth in CEL", rules(cel=10))):
        say(f"deciding by {RULES} rules, {name}")
        cases[f"decide, {name}"] = _decide(payload, seconds=max(seconds, SHORTEST_SECONDS))
    say("checking the rules")
    cases["check 100 rules"] = _check()
    with scratch_database() as scratch:
        world = build_world(items=items, say=say)
        _publish_rules()
        with tempfile.TemporaryDirectory() as folder, web_server(url=scratch.web, log=Path(folder) / "web.log") as port:
            sql = _availability(scratch, world)
            for seats in sorted({1, clients}):
                say(f"asking over HTTP, {seats} clients")
                cases[f"availability alone, {seats} clients"] = measure(sql, clients=seats, seconds=seconds)
                for name, more in POSTS.items():
                    http = _requests(world, port, more)
                    cases[f"{name}, {seats} clients"] = measure(http, clients=seats, seconds=seconds)
    ratios = {
        f"{name} / its availability, {seats}": cases[f"{name}, {seats} clients"].p50_ms
        / cases[f"availability alone, {seats} clients"].p50_ms
        for name in POSTS
        for seats in sorted({1, clients})
    }
    setting = {"rules": RULES, "items": items, "required": REQUIRED, "agents": 1 + OTHERS, "seconds": seconds}
    return Report(cases=cases, ratios=ratios, setting=setting)


def rules(
    *, types: int = TYPES, cel: int = 0, targets: Sequence[str] = ("bench", "bench-1", "bench-2")
) -> dict[str, Any]:
    """A hundred rules over so many types of task, of which every `cel`-th has a condition in CEL."""
    found = []
    for number in range(RULES):
        when = [
            {"fact": "task.type", "op": "is", "value": f"type-{number % types}"},
            {"fact": "field.value", "op": "between", "value": [number * 100, number * 100 + 1_000]},
            {"fact": "field.place", "op": "in", "value": ["rotterdam", "leith"]},
        ]
        if number % 4 == 0:
            when.append({"fact": "field.marks", "op": "has any of", "value": ["urgent", "large"]})
        then = {
            "do": "agent",
            "targets": [{"agent": each, "weight": 1 + place} for place, each in enumerate(targets)],
            "balance": "weights",
        }
        free = bool(cel) and number % cel == 0
        condition = "field.value > 10.0 && size(context.missing) == 0" if free else ""
        found.append({"name": f"Rule {number}", "when": when, "condition": condition, "then": then})
    last = {"do": "agent", "targets": [{"agent": each} for each in targets]}
    found[-1] = {"name": "The rest", "when": [], "then": last}
    return {
        "name": "Bench",
        "task_types": [{"name": f"type-{number}", "contract": "required"} for number in range(types)],
        "fields": [
            {"name": "value", "type": "number"},
            {"name": "place", "type": "text"},
            {"name": "marks", "type": "set"},
        ],
        "rules": found,
    }


def _decider(payload: Mapping[str, Any]) -> Decider:
    return compile_table(table_of(payload, slug="bench", number=1, digest=""))


def facts(number: int, *, types: int) -> Facts:
    """One task of many, with three agents that have what it needs."""
    context = TargetContext(complete=True, available=REQUIRED)
    targets = {
        (agent, "required"): TargetFacts(
            agent=agent, contract="required", state="sanctioned", values={"agent.clearance": 1}, context=context
        )
        for agent in ("bench", "bench-1", "bench-2")
    }
    return Facts(
        run=f"run-{number}",
        at="2026-11-20T12:00:00.000000Z",
        values={
            "task.type": f"type-{number % types}",
            "task.typed_by": "given",
            "field.value": number * 37 % 12_000,
            "field.place": ("rotterdam", "leith", "antwerp")[number % 3],
            "field.marks": ("urgent",) if number % 2 else (),
            "caller.kind": "agent",
            "caller.name": "bench",
            "caller.clearance": 1,
            "caller.roles": (),
            **context_values(list(targets.values())),
        },
        targets=targets,
    )


def _decide(payload: Mapping[str, Any], *, seconds: float) -> Timing:
    """Decisions in processor time, which is what one core gives; single ones by the clock."""
    decider = _decider(payload)
    given = [facts(number, types=len(payload["task_types"])) for number in range(DECISIONS)]
    times: list[float] = []
    clock = time.perf_counter
    begun, ends = time.process_time(), clock() + seconds
    while clock() < ends:
        for each in given:
            started = clock()
            decider.decide(each)
            times.append(clock() - started)
    took = time.process_time() - begun
    times.sort()
    return Timing(
        p50_ms=percentile(times, 0.50) * 1_000,
        p99_ms=percentile(times, 0.99) * 1_000,
        per_second=len(times) / took,
    )


def _check() -> Timing:
    table = table_of(rules(), slug="bench", number=1, digest="")
    times = []
    for _ in range(5):
        started = time.perf_counter()
        check_table(table)
        times.append(time.perf_counter() - started)
    times.sort()
    return Timing(p50_ms=times[2] * 1_000, p99_ms=times[-1] * 1_000, per_second=1 / times[2])


def _publish_rules() -> None:
    """Two more agents, and the rule set, approved by somebody else than who wrote it."""
    now = timezone.now()
    owner, checker = User.objects.get(username="bench"), User.objects.get(username="bench-checker")
    first = Agent.objects.get(slug="bench")
    for number in range(1, OTHERS + 1):
        other = Agent.objects.create(
            slug=f"bench-{number}",
            name=f"Bench {number}",
            purpose="Measures",
            owner=owner,
            clearance=first.clearance,
            created_at=now,
        )
        other.domains.set(first.domains.all())
        other.contracts.set(first.contracts.all())
    edit = EditInput(operation="create", record="rule_set", key="bench", payload={**rules(), "owner": "bench"})
    change = create_change(actor=owner, title="Routes", reason="To be measured", edits=[edit], now=now)
    digest = submit_change(actor=owner, change_id=change.pk, now=now).digest
    review_change(actor=checker, change_id=change.pk, decision="approve", digest=digest, now=now)
    publish_change(actor=owner, change_id=change.pk, now=now)


def _requests(world: World, port: int, more: str) -> HttpCalls:
    requests = []
    for number in range(200):
        body = json.dumps(
            {
                "rule_set": "bench",
                "task_type": f"type-{number % TYPES}",
                "task": {"value": number * 37 % 12_000, "place": "leith", "marks": ["urgent"]},
                "run": f"run-{number}",
            }
        ).encode()
        head = (
            f"POST /api/v1/routing/decide/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {world.bearer}\r\n"
            f"Content-Type: application/json\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    return HttpCalls(host="127.0.0.1", port=port, requests=tuple(requests), expected=200)


def _availability(scratch: Scratch, world: World) -> SqlCalls:
    """What the request asks the database of agents and their context: by hand, prepared, on a connection of its own."""
    principal = authenticate(f"Bearer {world.bearer}").principal
    slugs = [f"bench-{number}" if number else "bench" for number in range(1 + OTHERS)]
    agents: Step = (AGENTS, {"slugs": slugs, "load": False, "budget": False})
    reading: tuple[Step, ...] = (
        (_READ_AS, _reading(principal)),
        (statement_by_key(as_of=False), {**reader(principal), "at": None, "keys": list(world.required)}),
    )
    options = str(settings.DATABASES["default"]["OPTIONS"]["options"])
    return SqlCalls(url=scratch.web, options=options, read=((agents,),), written=reading)


def _reading(principal: Principal) -> dict[str, str]:
    return {
        "clearance": str(principal.clearance),
        "groups": "{" + ",".join(map(str, sorted(principal.groups))) + "}",
        "domains": "{" + ",".join(map(str, sorted(principal.domains or ()))) + "}",
    }
