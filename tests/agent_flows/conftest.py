"""Four agents of Legal with contracts that fit each other, and flows of them that are published as texts are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from agents.flows.starting import start_flow
from agents.models import Flow, FlowRun, FlowRunStep, Run
from agents.runs.finishing import complete_run, fail_run
from agents.runs.leases import claim_run
from context.access import principal_for
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.models import AuditEvent
from governance.publishing import publish_change
from governance.reviews import review_change
from tests.cast import Cast, creation, gather, publish
from tests.runs.conftest import Runner, runner

TEXT = {"type": "string", "maxLength": 500}
DOCUMENT = {"type": "object", "additionalProperties": False, "required": ["text"], "properties": {"text": TEXT}}
CLAUSES = {"type": "array", "maxItems": 20, "items": TEXT}
FOUND = {"type": "object", "additionalProperties": False, "required": ["clauses"], "properties": {"clauses": CLAUSES}}
MARKED = {"type": "object", "required": ["marks"], "properties": {"marks": {"type": "integer", "minimum": 0}}}
SCORED = {"type": "object", "required": ["score"], "properties": {"score": {"type": "integer", "maximum": 10}}}
POINTS = {"type": "object", "required": ["marks", "clauses"],
          "properties": {"marks": {"type": "integer"}, "clauses": CLAUSES}}  # fmt: skip
STOP = {"do": "stop"}


def step(name: str, agent: str, *moves: tuple[str, ...], after: list[str] | None = None, **more: Any) -> dict[str, Any]:
    """A step of that agent; moves are (to, from, at), and it stops the flow where nothing else is said."""
    given = [dict(zip(("to", "from", "at"), move, strict=False)) for move in moves]
    return {"name": name, "task_type": name, "agent": agent, "contract": f"{agent}-contract", "after": after or [],
            "input": given, "on_failure": STOP, **more}  # fmt: skip


FIND = step("find", "finder", ("/text", "input", "/text"))
MARK = step("mark", "marker", ("", "find", ""), after=["find"])
SCORE = step("score", "scorer", ("/marks", "mark", "/marks"), ("/clauses", "find", "/clauses"), after=["mark"])


def flow_of(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The payload of a flow."""
    return {"name": "Review", "owner": "owner", "domain": "legal", "input_schema": DOCUMENT, "steps": list(steps),
            **more}  # fmt: skip


@dataclass
class World:
    """`legal/cap` is in force; `finder`, `marker`, `other` (which marks, too) and `scorer` hold their contracts."""

    cast: Cast
    agents: dict[str, Runner]
    now: datetime

    def publish(self, payload: dict[str, Any], *, slug: str = "review") -> Flow:
        """The flow, written by the administrator, approved by the reviewer and published."""
        there = Flow.objects.filter(slug=slug).exists()
        edit = EditInput(operation="revise" if there else "create", key=slug, payload=payload, record="flow")
        now = timezone.now()
        change = create_change(actor=self.cast.admin, title="Flow", reason="Because", edits=[edit], now=now)
        change = submit_change(actor=self.cast.admin, change_id=change.pk, now=now)
        digest = change.digest
        review_change(actor=self.cast.reviewer, change_id=change.pk, decision="approve", digest=digest, now=now)
        publish_change(actor=self.cast.admin, change_id=change.pk, now=timezone.now())
        return Flow.objects.get(slug=slug)

    def start(self, *steps: dict[str, Any], value: Any = None, **more: Any) -> FlowRun:
        """A run of a flow of these steps, started by the owner."""
        self.publish(flow_of(*steps, **more))
        value = {"text": "We pay in 90 days."} if value is None else value
        actor = principal_for(self.cast.owner)
        return start_flow(actor=actor, name="owner", slug="review", value=value, now=self.tick())

    def tick(self, seconds: float = 1) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def do(self, agent: str, output: Any) -> Run:
        """The agent claims its next run and completes it."""
        run, token = self.claim(agent)
        return complete_run(agent=self.agents[agent].known, run_id=run.pk, token=token, output=output, now=self.tick())

    def fail(self, agent: str, *, retryable: bool = False) -> Run:
        run, token = self.claim(agent)
        return fail_run(
            agent=self.agents[agent].known,
            run_id=run.pk,
            token=token,
            cause="broken",
            detail="It broke.",
            retryable=retryable,
            now=self.tick(),
        )

    def claim(self, agent: str) -> tuple[Run, str]:
        claim = claim_run(agent=self.agents[agent].known, lease_seconds=3_600, now=self.tick(400))
        assert claim is not None, f"nothing waits for {agent}"
        return claim.run, claim.token

    def waits_for(self, agent: str) -> int:
        return Run.objects.filter(agent=self.agents[agent].agent, state="queued").count()


def states(flow_run: FlowRun) -> dict[str, str]:
    """The state of each step."""
    return dict(FlowRunStep.objects.filter(flow_run=flow_run).values_list("name", "state"))


def tries(flow_run: FlowRun, name: str) -> list[tuple[str, str]]:
    """Why each run of a step was opened, and where it stands."""
    row = FlowRunStep.objects.get(flow_run=flow_run, name=name)
    return list(row.tries.order_by("number").values_list("because", "run__state"))


def told(flow_run: FlowRun) -> list[str]:
    """What the ledger says of the flow's run."""
    found = AuditEvent.objects.filter(subject_type="flow_run", subject_id=str(flow_run.pk)).order_by("sequence")
    return [event.action.removeprefix("agents.flow_run.") for event in found]


def build() -> World:
    """The world as it stands before each test."""
    cast = gather()
    publish(cast, creation("legal/cap"))
    required = [{"key": "legal/cap"}]
    agents = {
        "finder": runner(cast, "finder", required, task_schema=DOCUMENT, output_schema=FOUND),
        "marker": runner(cast, "marker", required, task_schema=FOUND, output_schema=MARKED),
        "other": runner(cast, "other", required, task_schema=FOUND, output_schema=MARKED),
        "scorer": runner(cast, "scorer", required, task_schema=POINTS, output_schema=SCORED),
    }
    return World(cast=cast, agents=agents, now=timezone.now() + timedelta(seconds=2))


@pytest.fixture(scope="module")
def _built(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield build()
        transaction.set_rollback(True)


@pytest.fixture
def world(_built: World, django_db_blocker: Any) -> Iterator[World]:
    """The world, and what a test does to it undone afterwards."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield World(cast=_built.cast, agents=_built.agents, now=_built.now)
        transaction.set_rollback(True)
