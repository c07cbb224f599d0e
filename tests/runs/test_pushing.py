"""Runs that are sent out, to a model and a webhook over real HTTP: retries, fallback, an open circuit, a person."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from django.utils import timezone

from agents.endpoints import ModelTerms, promote, register_version
from agents.models import Budget, PushTarget, Run, RunBundle, RunLease, RunState, RunStep
from agents.registry import set_state
from agents.runs import pushing
from agents.runs.calling import secret_of
from agents.runs.finishing import complete_run
from agents.runs.going_around import go_around
from agents.runs.leases import LeaseLost
from agents.runs.pushing import FAILURES_THAT_OPEN, push_next
from agents.traces.identity import traceparent
from governance.edits import EditInput
from tests.cast import Cast, creation, publish
from tests.runs.conftest import Runner, events, runner, started

Answer = Callable[[dict[str, Any]], tuple[int, Any]]


@dataclass
class Stub:
    """An agent's or a model's side, over real HTTP. `answer` makes the status and the JSON of each post."""

    url: str
    answer: Answer = lambda asked: (500, {})
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def stub(settings: Any) -> Iterator[Stub]:
    settings.AGENT_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.AGENT_PRIVATE_ADDRESSES = True

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.posts.append((dict(self.headers), body))
            status, said = found.answer(json.loads(body))
            sent = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Stub(url=f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()


def completion(output: Any, tokens_in: int = 100, tokens_out: int = 10) -> tuple[int, Any]:
    """What an OpenAI-compatible endpoint answers."""
    return 200, {
        "model": "stub-1",
        "choices": [{"message": {"role": "assistant", "content": json.dumps(output)}}],
        "usage": {"prompt_tokens": tokens_in, "completion_tokens": tokens_out},
    }


@pytest.fixture
def modelled(cast: Cast, stub: Stub) -> Runner:
    """An agent whose model endpoint is the stub, and whose contract requires a text."""
    publish(cast, creation("legal/cap", body="The cap is twice the fees."))
    by = runner(cast, requirements=[{"key": "legal/cap"}])
    terms = ModelTerms(model="stub-1", price_in=Decimal(1), price_out=Decimal(10))
    version = register_version(
        actor=cast.admin, slug="stub", name="Stub", provider="Local", owner=cast.owner, terms=terms,
        base_url=f"{stub.url}/v1", now=timezone.now(),
    )  # fmt: skip
    endpoint = promote(actor=cast.admin, endpoint=version.endpoint, number=1, reason="First", now=timezone.now())
    by.agent.endpoint = endpoint
    by.agent.save(update_fields=["endpoint"])
    PushTarget.objects.create(
        agent=by.agent, kind="model", instructions="Score the clause.", timeout_seconds=5, changed_at=timezone.now()
    )
    return by


def later(run: Run) -> Any:
    run.refresh_from_db()
    return max(run.not_before + timedelta(milliseconds=1), timezone.now())


def test_model__answers_as_the_schema_asks__run_succeeds_with_its_bundle_step_and_cost(
    cast: Cast, modelled: Runner, stub: Stub
) -> None:
    stub.answer = lambda asked: completion({"score": 7})
    run = started(cast, modelled)
    assert push_next(now=later(run)) is True
    run.refresh_from_db()
    assert (run.state, run.output) == (RunState.SUCCEEDED, {"score": 7})
    assert (run.input_tokens, run.output_tokens, run.cost) == (100, 10, Decimal("0.0002"))
    step = RunStep.objects.get()
    assert (step.key, step.operation, step.state, step.model) == ("chat-1", "chat", "done", "stub-1")
    assert RunBundle.objects.filter(run=run).count() == 1
    sent = json.loads(stub.posts[0][1])
    assert "Score the clause." in sent["messages"][0]["content"]
    assert "The cap is twice the fees." in sent["messages"][0]["content"]
    assert sent["response_format"]["type"] == "json_schema"
    assert events(run) == ["started", "claimed", "given_bundle", "step_started", "step_done", "completed"]
    assert push_next(now=timezone.now() + timedelta(days=1)) is False


def test_model__traces_are_kept__is_told_the_trace_and_its_step_says_what_is_known_of_the_call(
    cast: Cast, modelled: Runner, stub: Stub, settings: Any
) -> None:
    settings.OTLP_ENDPOINT = "http://collector.example.org"
    status, said = completion({"score": 7})
    said["id"], said["choices"][0]["finish_reason"] = "answer-1", "stop\x00"
    stub.answer = lambda asked: (status, said)
    run = started(cast, modelled)
    assert push_next(now=later(run)) is True
    told = RunStep.objects.get().attributes
    assert told == {
        "gen_ai.provider.name": "Local",
        "gen_ai.request.model": "stub-1",
        "gen_ai.request.max_tokens": 2_000,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.response.id": "answer-1",
    }
    sent = {name.lower(): value for name, value in stub.posts[0][0].items()}
    assert sent["traceparent"] == traceparent(run.pk, 1)


def test_model__output_breaks_the_schema__goes_back_with_the_reasons_and_then_to_a_person(
    cast: Cast, modelled: Runner, stub: Stub
) -> None:
    stub.answer = lambda asked: completion({"score": 99})
    run = started(cast, modelled)
    push_next(now=later(run))
    push_next(now=later(run))
    run.refresh_from_db()
    assert run.state == RunState.IN_REVIEW
    again = json.loads(stub.posts[1][1])["messages"][-1]["content"]
    assert "not accepted" in again
    assert "/score" in again


def test_model__down__is_tried_again_then_falls_back_and_its_circuit_opens(
    cast: Cast, modelled: Runner, stub: Stub
) -> None:
    other = runner(cast, "other")
    stub.answer = lambda asked: (503, {})
    run = started(cast, modelled, fallbacks=[{"agent": "other", "contract": "other-contract"}], most_attempts=2)
    push_next(now=later(run))
    push_next(now=later(run))
    run.refresh_from_db()
    assert (run.state, run.agent_id) == (RunState.QUEUED, other.agent.pk)
    assert [step.state for step in RunStep.objects.order_by("pk")] == ["failed", "failed"]
    waiting = [started(cast, modelled, most_attempts=1) for _ in range(FAILURES_THAT_OPEN)]
    for each in waiting[:3]:
        assert push_next(now=later(each)) is True
    target = PushTarget.objects.get()
    assert target.closed_until is not None
    assert push_next(now=timezone.now()) is False
    around = started(cast, modelled, fallbacks=[{"agent": "other", "contract": "other-contract"}])
    assert go_around(now=timezone.now()) == 1
    around.refresh_from_db()
    assert around.agent_id == other.agent.pk
    stub.answer = lambda asked: completion({"score": 1})
    assert push_next(now=target.closed_until + timedelta(seconds=1)) is True
    assert PushTarget.objects.get().failures == 0


def test_model__says_no_for_good__is_not_tried_again(cast: Cast, modelled: Runner, stub: Stub) -> None:
    stub.answer = lambda asked: (401, {})
    run = started(cast, modelled)
    push_next(now=later(run))
    run.refresh_from_db()
    assert (run.state, run.reasons[-1]["cause"]) == (RunState.WAITS_FOR_PERSON, "answered_401")


@pytest.mark.parametrize("said", [[], {}, {"choices": []}, {"choices": [{"message": {"content": None}}]}, "text"])
def test_model__answers_nonsense__ends_at_a_person_with_the_reason(
    cast: Cast, modelled: Runner, stub: Stub, said: Any
) -> None:
    stub.answer = lambda asked: (200, said)
    run = started(cast, modelled)
    push_next(now=later(run))
    run.refresh_from_db()
    assert (run.state, run.reasons[-1]["cause"]) == (RunState.WAITS_FOR_PERSON, "bad_answer")


def test_push__required_context_is_gone__nothing_is_sent(cast: Cast, modelled: Runner, stub: Stub) -> None:
    run = started(cast, modelled)
    publish(cast, EditInput(operation="retire", key="legal/cap"))
    push_next(now=later(run))
    run.refresh_from_db()
    assert stub.posts == []
    assert (run.state, run.reasons[-1]["cause"]) == (RunState.WAITS_FOR_PERSON, "context_unavailable")


def test_push__agent_suspended__its_run_goes_to_a_person_and_nothing_is_sent(
    cast: Cast, modelled: Runner, stub: Stub
) -> None:
    run = started(cast, modelled)
    set_state(actor=cast.admin, agent=modelled.agent, state="suspended", reason="It lied", now=timezone.now())
    push_next(now=later(run))
    run.refresh_from_db()
    assert (run.state, stub.posts) == (RunState.WAITS_FOR_PERSON, [])


def test_push__budget_spent_before__is_a_hard_stop(cast: Cast, modelled: Runner, stub: Stub) -> None:
    stub.answer = lambda asked: completion({"score": 1}, tokens_in=90)
    Budget.objects.create(agent=modelled.agent, tokens=50)
    first, second = started(cast, modelled), started(cast, modelled)
    push_next(now=later(first))
    push_next(now=later(second))
    assert len(stub.posts) == 1
    assert set(Run.objects.values_list("state", flat=True)) == {RunState.WAITS_FOR_PERSON}


def test_push__host_not_allowed__is_refused_for_good(cast: Cast, modelled: Runner, stub: Stub, settings: Any) -> None:
    settings.AGENT_ALLOWED_HOSTS = ["example.org"]
    run = started(cast, modelled)
    push_next(now=later(run))
    run.refresh_from_db()
    assert (run.reasons[-1]["cause"], stub.posts) == ("address_refused", [])


def test_webhook__answers_with_the_output__post_is_signed_and_keyed_by_the_run(cast: Cast, stub: Stub) -> None:
    by = runner(cast)
    target = PushTarget.objects.create(agent=by.agent, kind="webhook", url=f"{stub.url}/run", changed_at=timezone.now())
    stub.answer = lambda asked: (200, {"output": {"score": 3}})
    run = started(cast, by)
    push_next(now=later(run))
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    headers, body = stub.posts[0]
    assert headers["Idempotency-Key"] == str(run.pk)
    said = dict(part.split("=") for part in headers["Plumbline-Signature"].split(","))
    assert said["v1"] == hmac.new(secret_of(target).encode(), f"{said['t']}.".encode() + body, sha256).hexdigest()


def test_webhook__takes_the_run__reports_by_itself_with_the_lease_it_was_sent(cast: Cast, stub: Stub) -> None:
    by = runner(cast)
    PushTarget.objects.create(agent=by.agent, kind="webhook", url=stub.url, changed_at=timezone.now())
    stub.answer = lambda asked: (202, {})
    run = started(cast, by)
    push_next(now=later(run))
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    token = json.loads(stub.posts[0][1])["lease"]["token"]
    done = complete_run(agent=by.known, run_id=run.pk, token=token, output={"score": 2}, now=timezone.now())
    assert done.state == RunState.SUCCEEDED


def test_push__agent_takes_its_time__lease_is_short_and_kept_while_somebody_waits(
    cast: Cast, modelled: Runner, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "KEPT_EVERY_SECONDS", 0.05)
    kept: list[int] = []
    monkeypatch.setattr(pushing, "keep_lease", lambda **said: kept.append(said["heard_within"]))

    def answer(asked: dict[str, Any]) -> tuple[int, Any]:
        time.sleep(0.3)
        return completion({"score": 7})

    stub.answer = answer
    PushTarget.objects.update(timeout_seconds=600)
    run = started(cast, modelled)
    push_next(now=later(run))
    lease = RunLease.objects.get()
    assert lease.expires_at - lease.claimed_at == timedelta(seconds=pushing.HEARD_WITHIN_SECONDS)
    assert set(kept) == {pushing.HEARD_WITHIN_SECONDS}
    assert len(kept) >= 2
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED


def test_push__run_was_taken_back_meanwhile__nobody_waits_for_its_agent(
    cast: Cast, modelled: Runner, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "KEPT_EVERY_SECONDS", 0.05)

    def lost(**said: Any) -> None:
        raise LeaseLost("It was cancelled.")

    monkeypatch.setattr(pushing, "keep_lease", lost)
    released = Event()
    stub.answer = lambda asked: (released.wait(20), completion({"score": 7}))[1]
    run = started(cast, modelled)
    begun = time.monotonic()
    assert push_next(now=later(run)) is True
    assert time.monotonic() - begun < 10
    released.set()
    run.refresh_from_db()
    assert run.state == RunState.RUNNING


def test_webhook__takes_the_run__has_the_whole_lease_that_it_was_told(cast: Cast, stub: Stub) -> None:
    by = runner(cast)
    PushTarget.objects.create(
        agent=by.agent, kind="webhook", url=stub.url, timeout_seconds=100, changed_at=timezone.now()
    )
    stub.answer = lambda asked: (202, {})
    run = started(cast, by)
    push_next(now=later(run))
    lease = RunLease.objects.get()
    told = datetime.fromisoformat(json.loads(stub.posts[0][1])["lease"]["expires_at"])
    assert told - lease.claimed_at == timedelta(seconds=100 + pushing.MARGIN_SECONDS)
    assert lease.expires_at - lease.heard_at == timedelta(seconds=100 + pushing.MARGIN_SECONDS)
