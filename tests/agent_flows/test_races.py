"""Two ends at the same moment: what they lead to happens once."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

from django.db import connections
from django.utils import timezone

from agents.flows.starting import cancel_flow_run
from agents.flows.triggers import take_event
from agents.models import Flow, FlowEvent, FlowRun, FlowStepRun
from agents.runs.finishing import complete_run
from context.access import principal_for
from context.errors import DomainError
from tests.agent_flows.conftest import FIND, MARK, SCORE, build, states, step

BESIDE = step("beside", "other", ("", "find", ""), after=["find"])
JOINED = {**SCORE, "after": ["mark", "beside"]}
POSTED = {"name": "mail", "on": "webhook", "input": [{"to": "/text", "from": "event", "at": "/text"}]}


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each gave, or the error that it raised, all begun together."""
    barrier, given = Barrier(len(acts)), [None] * len(acts)

    def do(place: int, act: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            given[place] = act()
        except DomainError as error:
            given[place] = error
        finally:
            connections.close_all()

    threads = [Thread(target=do, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return given


def test_join__both_branches_end_at_once__starts_once_and_so_does_an_event_that_comes_twice(committed_db: None) -> None:
    world = build()
    flow_run = world.start(FIND, MARK, BESIDE, JOINED, triggers=[POSTED])
    world.do("finder", {"clauses": ["90 days"]})
    held = {name: world.claim(name) for name in ("marker", "other")}

    def complete(name: str) -> Any:
        run, token = held[name]
        known = world.agents[name].known
        return complete_run(agent=known, run_id=run.pk, token=token, output={"marks": 1}, now=world.now)

    at_once(lambda: complete("marker"), lambda: complete("other"))
    assert states(flow_run) == {"find": "succeeded", "mark": "succeeded", "beside": "succeeded", "score": "running"}
    assert FlowStepRun.objects.filter(step__name="score").count() == 1

    flow = Flow.objects.select_related("owner", "current_version__flow__domain").get()
    event = {"id": "letter-1", "text": "We pay in 90 days."}
    taken = at_once(*[lambda: take_event(flow=flow, trigger="mail", body=event, now=timezone.now())] * 3)
    assert sorted(each.new for each in taken) == [False, False, True]
    assert (FlowEvent.objects.count(), FlowRun.objects.count()) == (1, 2)

    # Completing a branch and cancelling the flow neither wait for each other nor leave anything open.
    run, token = world.claim("scorer")
    scorer, owner = world.agents["scorer"].known, principal_for(world.cast.owner)
    at_once(
        lambda: complete_run(agent=scorer, run_id=run.pk, token=token, output={"score": 1}, now=world.now),
        lambda: cancel_flow_run(actor=owner, flow_run_id=flow_run.pk, reason="Enough.", now=world.now),
    )
    flow_run.refresh_from_db()
    run.refresh_from_db()
    ends = {("succeeded", "succeeded"), ("cancelled", "succeeded"), ("cancelled", "cancelled")}
    assert (flow_run.state, run.state) in ends
