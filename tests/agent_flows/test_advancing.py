"""Started flows: steps one after another and side by side, joins, failure modes, one snapshot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from agents.flows.advancing import follow_up
from agents.flows.starting import start_flow
from agents.models import Agent, FlowRun, Run, RunState
from agents.runs.contexts import give_bundle
from agents.runs.finishing import cancel_run, complete_run
from agents.runs.reviewing import OutputNotAccepted, RunDecision, review_run
from context.access import principal_for
from context.errors import InvalidInput, NotFound
from context.models import User
from governance.audit.ledger import Entry
from tests.agent_flows.conftest import FIND, MARK, SCORE, World, states, step, told, tries
from tests.cast import publish, revision

CLAUSES = {"clauses": ["90 days"]}


def test_flow__each_step_done__its_output_is_handed_on_and_the_flow_succeeds(world: World) -> None:
    flow_run = world.start(FIND, MARK, SCORE)
    assert states(flow_run) == {"find": "running", "mark": "waiting", "score": "waiting"}
    world.do("finder", CLAUSES)
    assert world.do("marker", {"marks": 3}).task == CLAUSES
    assert world.do("scorer", {"score": 7}).task == {"marks": 3, "clauses": ["90 days"]}
    flow_run.refresh_from_db()
    assert (flow_run.state, flow_run.output) == ("succeeded", {"score": 7})
    assert told(flow_run) == ["started", "succeeded"]


def test_flow__two_branches__start_together_and_are_joined_once(world: World) -> None:
    beside = step("beside", "other", ("", "find", ""), after=["find"])
    joined = {**SCORE, "after": ["mark", "beside"]}
    output = [{"to": "/score", "from": "score", "at": "/score"}, {"to": "/beside", "from": "beside", "at": "/marks"}]
    flow_run = world.start(FIND, MARK, beside, joined, output=output)
    world.do("finder", CLAUSES)
    assert (world.waits_for("marker"), world.waits_for("other")) == (1, 1)
    world.do("other", {"marks": 9})
    assert world.waits_for("scorer") == 0
    world.do("marker", {"marks": 3})
    assert world.waits_for("scorer") == 1
    world.do("scorer", {"score": 7})
    flow_run.refresh_from_db()
    assert flow_run.output == {"score": 7, "beside": 9}


def test_flow__step_fails_and_stop_is_said__flow_fails_and_the_branch_beside_is_cancelled(world: World) -> None:
    beside = step("beside", "other", ("", "find", ""), after=["find"])
    flow_run = world.start(FIND, MARK, beside)
    world.do("finder", CLAUSES)
    world.fail("marker")
    flow_run.refresh_from_db()
    assert (flow_run.state, flow_run.reasons[0]["step"]) == ("failed", "mark")
    assert states(flow_run) == {"find": "succeeded", "mark": "failed", "beside": "cancelled"}
    assert tries(flow_run, "beside") == [("first", "cancelled")]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ({"do": "retry", "times": 2}, [("first", "failed"), ("retry", "failed"), ("retry", "failed")]),
        ({"do": "retry", "times": 1, "then": "person"}, [("first", "failed"), ("retry", "waits_for_person")]),
        ({"do": "person"}, [("first", "waits_for_person")]),
    ],
)
def test_flow__step_fails_again_and_again__its_failure_mode_decides(
    world: World, mode: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    flow_run = world.start({**FIND, "on_failure": mode}, MARK)
    while world.waits_for("finder"):
        world.fail("finder")
    assert tries(flow_run, "find") == expected
    flow_run.refresh_from_db()
    assert flow_run.state == ("running" if expected[-1][1] == "waits_for_person" else "failed")


def test_flow__step_fails_and_another_agent_is_named__that_one_takes_it(world: World) -> None:
    flow_run = world.start(
        FIND, {**MARK, "on_failure": {"do": "other_agent", "agent": "other", "contract": "other-contract"}}
    )
    world.do("finder", CLAUSES)
    world.fail("marker")
    assert world.do("other", {"marks": 1}).task == CLAUSES
    flow_run.refresh_from_db()
    assert flow_run.output == {"marks": 1}


def test_flow__person_writes_the_output__the_next_step_gets_it(world: World) -> None:
    flow_run = world.start({**FIND, "on_failure": {"do": "person"}}, MARK)
    run = world.fail("finder")
    assert run.state == RunState.WAITS_FOR_PERSON
    said = RunDecision(decision="edit", output={"clauses": ["by hand"]})
    review_run(actor=world.cast.owner, run_id=run.pk, said=said, now=world.tick())
    assert states(flow_run) == {"find": "succeeded", "mark": "running"}
    assert world.claim("marker")[0].task == {"clauses": ["by hand"]}


def test_flow__what_is_handed_on_does_not_fit__the_step_is_refused_and_says_why(world: World) -> None:
    open_to_all = {"not": {"required": ["none"]}}
    flow_run = world.start({**FIND, "on_failure": {"do": "person"}}, input_schema=open_to_all, value={"text": 5})
    assert tries(flow_run, "find") == [("first", "refused"), ("person", "waits_for_person")]
    put = Run.objects.get(flow_try__step__flow_run=flow_run, state="waits_for_person")
    assert "does not fit" in put.reasons[0]["detail"]
    with pytest.raises(OutputNotAccepted):
        said = RunDecision(decision="edit", output={"clauses": "none"})
        review_run(actor=world.cast.owner, run_id=put.pk, said=said, now=world.tick())
    said = RunDecision(decision="reject", comment="Not ours")
    review_run(actor=world.cast.owner, run_id=put.pk, said=said, now=world.tick())
    flow_run.refresh_from_db()
    assert flow_run.state == "failed"


def test_flow__step_refused_and_retry_is_said__is_not_asked_the_same_again(world: World) -> None:
    open_to_all = {"not": {"required": ["none"]}}
    retried = {**FIND, "on_failure": {"do": "retry", "times": 2}}
    flow_run = world.start(retried, input_schema=open_to_all, value={"text": 5})
    assert tries(flow_run, "find") == [("first", "refused")]
    assert flow_run.state == "failed"


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (lambda world: Agent.objects.filter(slug="marker").update(state="suspended"), "not sanctioned"),
        (lambda world: Agent.objects.filter(slug="marker").update(clearance=0), "does not have the context"),
        (lambda world: User.objects.filter(pk=world.cast.owner.pk).update(is_active=False), "may not ask any more"),
    ],
)
def test_flow__what_the_next_step_rests_on_is_gone_meanwhile__it_is_refused_and_says_why(
    world: World, meanwhile: Callable[[World], int], why: str
) -> None:
    flow_run = world.start(FIND, MARK)
    run, token = world.claim("finder")
    assert meanwhile(world) == 1
    complete_run(agent=world.agents["finder"].known, run_id=run.pk, token=token, output=CLAUSES, now=world.tick())
    assert tries(flow_run, "mark") == [("first", "refused")]
    flow_run.refresh_from_db()
    assert (flow_run.state, why in flow_run.reasons[0]["detail"]) == ("failed", True)


def test_flow__run_cancelled_or_rejected_by_a_person__is_not_tried_again(world: World) -> None:
    flow_run = world.start({**FIND, "on_failure": {"do": "retry", "times": 2, "then": "person"}}, MARK)
    run, _ = world.claim("finder")
    cancel_run(actor=principal_for(world.cast.owner), run_id=run.pk, reason="Not needed", now=world.tick())
    assert tries(flow_run, "find") == [("first", "cancelled")]
    flow_run = world.start({**FIND, "on_failure": {"do": "person"}}, MARK)
    run = world.fail("finder")
    said = RunDecision(decision="reject", comment="Not ours")
    review_run(actor=world.cast.owner, run_id=run.pk, said=said, now=world.tick())
    assert len(tries(flow_run, "find")) == 1
    flow_run.refresh_from_db()
    assert flow_run.state == "failed"


def test_follow_up__told_a_second_time_or_of_an_older_try__nothing_follows(world: World) -> None:
    flow_run = world.start({**FIND, "on_failure": {"do": "retry", "times": 3}}, MARK)
    first = world.fail("finder")
    assert _told_again(flow_run, first, world) == []
    assert tries(flow_run, "find") == [("first", "failed"), ("retry", "queued")]
    second = world.do("finder", CLAUSES)
    ended = flow_run.steps.get(name="find").ended_at
    assert _told_again(flow_run, second, world) == []
    assert flow_run.steps.get(name="find").ended_at == ended
    assert tries(flow_run, "mark") == [("first", "queued")]


def _told_again(flow_run: FlowRun, run: Run, world: World) -> list[Entry]:
    with transaction.atomic():
        return follow_up(flow_run_id=flow_run.pk, run=run, now=world.tick())


def test_start__what_the_flow_does_not_take_or_a_flow_that_is_hidden__is_refused(world: World) -> None:
    with pytest.raises(InvalidInput) as refused:
        world.start(FIND, value={"text": 5})
    assert refused.value.field == "input.text"
    actor = principal_for(world.cast.outsider)
    with pytest.raises(NotFound):
        start_flow(actor=actor, name="outsider", slug="review", value={"text": "a"}, now=world.tick())


def test_flow__text_changes_between_its_steps__all_read_the_same_snapshot(world: World) -> None:
    # The snapshot is of a moment that is over when the text changes.
    world.now = timezone.now() - timedelta(seconds=1)
    flow_run = world.start(FIND, MARK)
    run, token = world.claim("finder")
    first = give_bundle(agent=world.agents["finder"].known, run_id=run.pk, token=token, now=world.tick())
    publish(world.cast, revision("legal/cap", body="Now it is another."))
    complete_run(agent=world.agents["finder"].known, run_id=run.pk, token=token, output=CLAUSES, now=world.tick())
    run, token = world.claim("marker")
    second = give_bundle(agent=world.agents["marker"].known, run_id=run.pk, token=token, now=world.tick())
    assert first.bundle.at == second.bundle.at == flow_run.snapshot_at
    assert first.bundle.version_ids == second.bundle.version_ids
