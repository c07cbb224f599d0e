"""What is found of a flow before it is saved: structure, names, hand-offs, failure modes, availability."""

from __future__ import annotations

from typing import Any

import pytest

from agents.flows.checks import Checked, check_flow
from agents.flows.record import RECORD, FlowInvalid
from agents.models import Flow
from context.access import SYSTEM, principal_for
from governance.edits import EditInput
from tests.agent_flows.conftest import FIND, MARK, SCORE, World, flow_of
from tests.cast import publish


def check(*steps: dict[str, Any], **more: Any) -> Checked:
    return check_flow(RECORD.clean(flow_of(*steps, **more)), principal=SYSTEM)


def codes(checked: Checked) -> set[tuple[str, str]]:
    return {(each.code, each.place) for each in checked.problems}


def without(stated: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in stated.items() if name not in names}


def test_check__flow_that_holds__says_nothing_and_proves_each_hand_off(world: World) -> None:
    checked = check(FIND, MARK, SCORE)
    assert (checked.may_be_published, codes(checked)) == (True, set())
    assert [(each.source, each.target, each.verdict) for each in checked.edges] == [
        ("input", "find", "fits"),
        ("find", "mark", "fits"),
        ("mark", "score", "fits"),
        ("find", "score", "fits"),
    ]


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ([{**FIND, "after": ["mark"]}, MARK], ("cycle", "steps.0.after")),
        ([{**FIND, "after": ["find"]}], ("cycle", "steps.0.after")),
        ([{**FIND, "after": ["mark"]}, MARK, SCORE], ("unreachable", "steps.2")),
        ([FIND, {**MARK, "after": []}], ("join-incomplete", "steps.1.input.0.from")),
        ([FIND, {**MARK, "after": ["nobody"]}], ("unknown-step", "steps.1.after.0")),
        ([FIND, {**MARK, "input": [{"from": "nobody"}]}], ("unknown-step", "steps.1.input.0.from")),
        ([without(FIND, "on_failure")], ("no-failure-mode", "steps.0.on_failure")),
        ([{**FIND, "agent": "nobody"}], ("unknown-agent", "steps.0.agent")),
        ([{**FIND, "contract": "nothing"}], ("unknown-contract", "steps.0.contract")),
        ([{**FIND, "agent": "marker"}], ("not-held", "steps.0.agent")),
        ([without(FIND, "agent")], ("unknown-task-type", "steps.0.task_type")),
        ([{**FIND, "on_failure": {"do": "other_agent", "agent": "finder"}}],
         ("same-agent", "steps.0.on_failure.agent")),
        ([{**FIND, "on_failure": {"do": "hope"}}], ("shape", "steps.0.on_failure.do")),
        ([{**FIND, "color": "red"}], ("shape", "steps.0.color")),
        ([{**FIND, "name": "input"}], ("double", "steps.0.name")),
        ([{**FIND, "input": [{"to": "", "from": "input"}, {"to": "/a", "value": 1}]}],
         ("double", "steps.0.input.1.to")),
        ([], ("shape", "steps")),
    ],
)  # fmt: skip
def test_check__something_is_wrong__says_what_and_where(
    world: World, steps: list[dict[str, Any]], found: tuple[str, str]
) -> None:
    checked = check(*steps)
    assert found in codes(checked)
    assert not checked.may_be_published


@pytest.mark.parametrize(
    ("steps", "verdict", "place", "why"),
    [
        # Its output has no such field; it may lack one; it is of another type; nothing is said of it.
        ([FIND, {**MARK, "input": [{"to": "/clauses", "from": "find", "at": "/none"}]}],
         "does_not_fit", "/clauses", "it is never there"),
        ([FIND, {**MARK, "input": [{"to": "/clauses", "from": "find", "at": "/clauses/0"}]}],
         "does_not_fit", "/clauses", "it may be missing"),
        ([{**FIND, "input": []}], "does_not_fit", "/text", "it is never there"),
        ([FIND, MARK, {**SCORE, "input": [{"to": "/marks", "value": "3"}, *SCORE["input"][1:]]}],
         "does_not_fit", "/marks", "is not taken"),
        ([FIND, MARK, {**SCORE, "input": [{"to": "/marks", "from": "mark", "at": "/more"}, *SCORE["input"][1:]]}],
         "not_provable", "/marks", "nothing says"),
    ],
)  # fmt: skip
def test_check__what_is_handed_on__is_proved_refuted_or_said_to_be_not_provable(
    world: World, steps: list[dict[str, Any]], verdict: str, place: str, why: str
) -> None:
    doubts = [each for edge in check(*steps).edges for each in edge.doubts]
    assert [each for each in doubts if (each.verdict, each.place) == (verdict, place) and why in each.why]


def test_check__other_agent_gives_another_output__its_hand_off_is_checked_too(world: World) -> None:
    other = {"do": "other_agent", "agent": "scorer", "contract": "scorer-contract"}
    checked = check(FIND, {**MARK, "on_failure": other}, SCORE)
    edge = next(each for each in checked.edges if (each.source, each.target) == ("mark", "score"))
    assert edge.verdict != "fits"
    assert edge.failure == "scorer, then stop"


def test_check__required_text_is_gone__the_contract_does_not_hold_today(world: World) -> None:
    publish(world.cast, EditInput(operation="retire", key="legal/cap"))
    checked = check(FIND)
    assert codes(checked) == {("not-available", "steps.0.contract")}
    assert "legal/cap" in checked.problems[0].message
    assert checked.may_be_published
    told = check_flow(RECORD.clean(flow_of(FIND)), principal=principal_for(world.cast.outsider)).problems[0]
    assert "legal/cap" not in told.message + told.fix


def test_propose__flow_with_faults__is_refused_with_each_place(world: World) -> None:
    with pytest.raises(FlowInvalid) as refused:
        world.publish(flow_of({**FIND, "on_failure": None}, {**MARK, "after": []}))
    places = [each["place"] for each in refused.value.extra["problems"]]
    assert places == ["steps.0.on_failure", "steps.1.input.0.from"]
    assert not Flow.objects.exists()


def test_publish__flow_of_steps__keeps_each_version_and_who_may_start_it(world: World) -> None:
    world.publish(flow_of(FIND, MARK))
    flow = world.publish(flow_of(FIND, MARK, SCORE))
    assert [each.number for each in flow.versions.order_by("number")] == [1, 2]
    assert flow.entry_contracts == ["finder-contract"]
    finder, marker = (world.agents[name].known.principal for name in ("finder", "marker"))
    assert list(Flow.objects.visible_to(finder)) == [flow]
    assert not Flow.objects.visible_to(marker).exists()
