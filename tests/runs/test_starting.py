"""Runs over the API: recorded with their decision, refused with reasons, and waiting until the context comes."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Decision, Run, RunState
from agents.runs.waiting import look_again
from tests.cast import publish, revision
from tests.routing.conftest import World, publish_rules, rule, rules, to, world  # noqa: F401

TASK = {"value": 5, "clause": "We pay in 90 days."}


def post(world: World, path: str, body: Any, **headers: str) -> Any:  # noqa: F811
    return Client(raise_request_exception=False).post(
        f"/api/v1/{path}",
        json.dumps(body),
        content_type="application/json",
        HTTP_AUTHORIZATION=f"Bearer {world.first.bearer}",
        **headers,
    )


def test_start__task_with_a_route__is_recorded_with_its_decision_and_claimed_by_its_agent(world: World) -> None:  # noqa: F811
    publish_rules(world.cast, rules(rule("all", then=to("first", "second"))))
    answer = post(world, "runs/", {"task_type": "review", "task": TASK}, HTTP_IDEMPOTENCY_KEY="one")
    assert answer.status_code == 201, answer.content
    run = answer.json()
    assert (run["state"], run["agent"], run["fallbacks"]) == (
        "queued", "first", [{"agent": "second", "contract": "review"}],
    )  # fmt: skip
    assert Decision.objects.get().run == run["id"]
    again = post(world, "runs/", {"task_type": "review", "task": TASK}, HTTP_IDEMPOTENCY_KEY="one")
    assert again.json()["id"] == run["id"]
    claim = post(world, "runs/claim/", {}).json()
    assert claim["run"]["id"] == run["id"]
    token = {"lease_token": claim["lease"]["token"]}
    at = f"runs/{run['id']}/"
    assert post(world, at + "heartbeat/", token).status_code == 200
    step = {**token, "key": "ask", "operation": "chat", "name": "Ask", "input_tokens": 3}
    assert [post(world, at + "steps/", step).status_code for _ in range(2)] == [201, 200]
    done = post(world, at + "complete/", {**token, "output": {"score": 1}})
    assert (done.json()["state"], done.json()["input_tokens"]) == ("succeeded", 3)
    assert post(world, at + "heartbeat/", token).json()["type"].endswith("/lease-lost")


def test_start__required_context_has_ended__is_refused_and_the_gap_stands_in_the_reasons(world: World) -> None:  # noqa: F811
    publish_rules(world.cast, rules(rule("all", then=to("first"))))
    _expire(world, "legal/cap")
    run = post(world, "runs/", {"task_type": "review", "task": TASK}).json()
    assert run["state"] == "refused"
    assert [gap["code"] for gap in run["reasons"][0]["gaps"]] == ["stale"]
    assert post(world, "runs/claim/", {}).json() == {"run": None, "lease": None}


def test_start__rule_that_waits__goes_on_when_the_context_comes_and_is_refused_when_it_does_not(world: World) -> None:  # noqa: F811
    waits = to("first", incomplete={"do": "wait", "hours": 1, "then": "refuse"})
    publish_rules(world.cast, rules(rule("all", then=waits)))
    _expire(world, "legal/cap")
    first = post(world, "runs/", {"task_type": "review", "task": TASK}).json()
    second = post(world, "runs/", {"task_type": "review", "task": TASK}).json()
    assert [first["state"], second["state"]] == ["waits_for_context"] * 2
    now = timezone.now()
    assert look_again(now=now) == 0
    assert look_again(now=now + timedelta(hours=2)) == 2
    assert set(Run.objects.values_list("state", flat=True)) == {RunState.REFUSED}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"task_type": "review", "task": TASK, "domain": "nowhere"}, "domain"),
        ({"task_type": "nonsense", "task": TASK}, None),  # what is not there, or not theirs, reads the same
        ({"task_type": "review", "task": TASK, "rule_set": "no-such"}, None),
        ({"task_type": "review", "task": TASK, "most_attempts": 99}, "most_attempts"),
        ({"task_type": "review", "task": TASK, "cost_budget": -1}, "cost_budget"),
        ({"tusk": 1}, "tusk"),
    ],
)
def test_start__what_cannot_be__names_the_field_and_records_nothing(world: World, body: Any, field: str | None) -> None:  # noqa: F811
    publish_rules(world.cast, rules(rule("all", then=to("first"))))
    answer = post(world, "runs/", body)
    assert 400 <= answer.status_code < 500
    assert answer.json().get("field") == field, answer.content
    assert not Run.objects.exists()
    assert not Decision.objects.exists()


def test_context_comes__run_that_waits__is_queued_at_a_new_snapshot(world: World) -> None:  # noqa: F811
    waits = to("first", incomplete={"do": "wait", "hours": 1, "then": "refuse"})
    publish_rules(world.cast, rules(rule("all", then=waits)))
    _expire(world, "legal/cap")
    begun = post(world, "runs/", {"task_type": "review", "task": TASK}).json()
    assert begun["state"] == "waits_for_context"
    publish(world.cast, revision("legal/cap", body="The cap is the fees.", valid_to=None))
    assert look_again(now=timezone.now()) == 1
    run = Run.objects.get()
    assert (run.state, run.agent_id) == (RunState.QUEUED, world.first.agent.pk)
    assert run.snapshot_at > run.created_at
    assert [decision.kind for decision in Decision.objects.order_by("pk")] == ["human", "agent"]


def _expire(world: World, key: str) -> None:  # noqa: F811
    """Publish a version whose validity has just ended."""
    end = timezone.now() + timedelta(seconds=1)
    publish(world.cast, revision(key, valid_to=end.isoformat()))
    time.sleep(max(0.0, (end - timezone.now()).total_seconds()) + 0.05)
