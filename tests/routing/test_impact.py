"""What a proposed change would turn of recorded decisions, told before anybody approves it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.routing.candidates import candidates_of
from agents.routing.decisions import record_decision
from agents.routing.impact import flips_of_context, impact_of_change, supposed_by
from context.access import principal_for
from context.availability import find, judge, resolve
from context.requirements import Requirement
from context.supposing import suppose
from governance.edits import EditInput
from governance.models import Change
from tests.cast import creation, propose, publish, revision
from tests.routing.conftest import World, propose_rules, publish_rules, rule, rules, to


def decided(world: World, **question: Any) -> None:
    record_decision(principal=principal_for(world.cast.owner), answer=world.ask(**question), now=timezone.now())


def told(world: World, change: Change) -> list[str]:
    keys = list(change.edits.values_list("key", flat=True))
    return [each.why for each in impact_of_change(change, keys, principal_for(world.cast.owner))]


GONE = (timezone.now() - timedelta(days=1)).isoformat()
LATER = (timezone.now() + timedelta(days=30)).isoformat()


@pytest.mark.parametrize(
    ("edit", "flips"),
    [
        (revision("legal/cap", body="Another text."), False),
        (revision("legal/cap", valid_to=LATER), False),
        (EditInput(operation="retire", key="legal/cap"), True),
        (revision("legal/cap", sensitivity="confidential"), True),
        (revision("legal/cap", audiences=["counsel"]), True),
        (revision("legal/cap", relations=[{"type": "conflicts_with", "key": "legal/terms"}]), True),
        (revision("legal/terms", valid_from=LATER), False),
    ],
)
def test_impact__edit_of_a_required_text__says_which_decisions_turn(world: World, edit: EditInput, flips: bool) -> None:
    publish_rules(world.cast, rules(rule("all", then=to("first", "second"))))
    decided(world)
    decided(world, task={"value": 2})
    change = propose(world.cast, edit)
    found = told(world, change)
    assert bool(found) is flips
    if flips:
        assert found == [
            "of the last 30 days: the task goes to first, and is refused for want of context once this is published"
        ]


def test_impact__text_that_was_missing__turns_a_refusal_into_a_route(world: World) -> None:
    publish_rules(world.cast, rules(rule("all", then=to("first"))))
    publish(world.cast, EditInput(operation="retire", key="legal/cap"))
    decided(world)
    change = propose(world.cast, EditInput(operation="revert", key="legal/cap", revert_to=1))
    assert told(world, change) == [
        "of the last 30 days: the task is refused for want of context, and goes to first once this is published"
    ]


def test_impact__decision_older_than_a_month__is_not_looked_at(world: World) -> None:
    publish_rules(world.cast, rules(rule("all", then=to("first"))))
    answer = world.ask()
    month_ago = timezone.now() - timedelta(days=31)
    record_decision(principal=principal_for(world.cast.owner), answer=answer, now=month_ago)
    assert told(world, propose(world.cast, EditInput(operation="retire", key="legal/cap"))) == []


def test_impact__reader_who_may_not_know_the_rules__is_told_nothing(world: World) -> None:
    publish_rules(world.cast, rules(rule("all", then=to("first"))))
    decided(world)
    change = propose(world.cast, EditInput(operation="retire", key="legal/cap"))
    assert impact_of_change(change, ["legal/cap"], principal_for(world.cast.outsider)) == []


def test_impact__draft_of_rules__says_what_flips_under_it(world: World) -> None:
    publish_rules(world.cast, rules(rule("all", then=to("first"))))
    decided(world, task={"value": 5})
    decided(world, task={"value": 500_000})
    large = rule("large", ("field.value", ">", 100_000), then={"do": "human", "to": "domain owner"})
    change = propose_rules(world.cast, rules(large, rule("all", then=to("first"))))
    found = impact_of_change(change, [], principal_for(world.cast.owner))
    assert [(each.label, each.why) for each in found] == [
        (
            "A decision by Routes on review",
            "of the last 30 days: the task goes to first, and goes to a person (the domain owner)"
            " once this is published",
        )
    ]


@pytest.mark.parametrize(
    "edit",
    [
        revision("legal/cap", valid_to=LATER),
        revision("legal/cap", sensitivity="confidential"),
        revision("legal/cap", tags=["fees"]),
        revision("legal/cap", relations=[{"type": "conflicts_with", "key": "legal/terms"}]),
        revision("legal/terms", tags=["fees"]),
        revision("legal/other", relations=[]),
        revision("legal/terms", valid_from=LATER),
        EditInput(operation="retire", key="legal/cap"),
        creation("legal/new", tags=["fees"]),
        creation("legal/later", tags=["fees"], valid_from=LATER),
    ],
)  # fmt: skip
def test_suppose__any_edit__finds_what_is_found_once_it_is_published(world: World, edit: EditInput) -> None:
    publish(
        world.cast, creation("legal/other", tags=["fees"], relations=[{"type": "conflicts_with", "key": "legal/terms"}])
    )
    requirements = [
        Requirement(name="cap", key="legal/cap", must_be_verified=True),
        Requirement(name="terms", key="legal/terms"),
        Requirement(name="fees", tag="fees", minimum=2, max_age_days=30),
        Requirement(name="policies", kind="policy", domain="legal", minimum=3),
    ]
    reader = candidates_of(["first"], load=False, budget=False)["first"].principal
    supposed = supposed_by(propose(world.cast, edit))
    at, found = find(principal=reader, requirements=requirements)
    would = suppose(principal=reader, requirements=requirements, found=found, at=at, supposed=supposed)
    expected = judge(at=at, requirements=requirements, found=would)
    publish(world.cast, edit)
    actual = resolve(principal=reader, requirements=requirements)
    assert [(gap.requirement, gap.code) for gap in expected.gaps] == [
        (gap.requirement, gap.code) for gap in actual.gaps
    ]
    assert [(each.requirement.name, each.key) for each in expected.chosen] == [
        (each.requirement.name, each.key) for each in actual.chosen
    ]
    assert [(each.key, each.code) for each in expected.passed_over] == [
        (each.key, each.code) for each in actual.passed_over
    ]


def test_flips__nothing_recorded__costs_no_resolution(world: World, django_assert_max_num_queries: Any) -> None:
    change = propose(world.cast, EditInput(operation="retire", key="legal/cap"))
    principal = principal_for(world.cast.owner)
    with django_assert_max_num_queries(8):
        assert flips_of_context(change=change, principal=principal, now=timezone.now()) == []
