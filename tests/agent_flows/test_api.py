"""Flows over REST: an agent starts one once, follows it as far as it may, and cancels it."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from agents.flows.reading import flow_run_as_json
from agents.models import FlowRun, Run
from context.access import principal_for
from governance.models import AuditEvent
from tests.agent_flows.conftest import FIND, MARK, World, flow_of, states

LETTER = {"input": {"text": "We pay in 90 days."}}


def call(world: World, agent: str, path: str, body: Any = None, **headers: str) -> Any:
    client = Client(raise_request_exception=False)
    sent = {"HTTP_AUTHORIZATION": f"Bearer {world.agents[agent].presented.bearer}", **headers}
    if body is None:
        return client.get(f"/api/v1/{path}", **sent)
    return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", **sent)


def test_start__by_the_agent_that_holds_the_first_contract__once_for_its_key_and_seen_by_no_other(world: World) -> None:
    world.publish(flow_of(FIND, MARK))
    key = {"HTTP_IDEMPOTENCY_KEY": "9a1c8a0e-0001"}
    first, again = (call(world, "finder", "flows/review/runs/", LETTER, **key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"] == str(FlowRun.objects.get().pk)
    steps = first.json()["steps"]
    assert [(each["name"], each["state"]) for each in steps] == [("find", "running"), ("mark", "waiting")]
    assert steps[0]["runs"][0]["agent"] == "finder"
    assert call(world, "marker", "flows/review/runs/", LETTER).status_code == 404
    place = f"flow-runs/{first.json()['id']}/"
    assert (call(world, "finder", place).status_code, call(world, "marker", place).status_code) == (200, 404)

    cancelled = call(world, "finder", f"{place}cancel/", {"reason": "Not needed."})
    assert (cancelled.json()["state"], Run.objects.get().state) == ("cancelled", "cancelled")
    assert states(FlowRun.objects.get()) == {"find": "cancelled", "mark": "cancelled"}
    assert call(world, "finder", f"{place}cancel/", {"reason": "Again."}).status_code == 409
    assert AuditEvent.objects.filter(action="agents.flow_run.cancelled").count() == 1


def test_read__texts_above_the_readers_clearance__are_withheld_and_said_to_be(world: World) -> None:
    flow_run = world.start(FIND, MARK)
    world.do("finder", {"clauses": ["90 days"]})
    Run.objects.filter(ended_at__isnull=True).update(sensitivity=3)
    told = flow_run_as_json(principal=principal_for(world.cast.admin), flow_run=flow_run)
    assert told["withheld"]
    assert "90 days" not in json.dumps(told)
    assert "90 days" in json.dumps(flow_run_as_json(principal=principal_for(world.cast.owner), flow_run=flow_run))
