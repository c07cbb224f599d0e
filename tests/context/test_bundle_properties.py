"""No bundle holds unapproved, expired or forbidden text, whatever the world; and a filter that is left out is noticed.

The everyday size is small. PLUMBLINE_THOROUGH=1 tries the 5,000 worlds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from types import ModuleType
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import context.availability
import context.matches
import context.neighbourhood
import context.search
from context.bundles import ContextUnavailable, Order, assemble
from context.requirements import Gap, Requirement
from context.row_security import reading_as
from context.statements import rows
from governance.models import Change
from tests.cast import Cast, creation, publish
from tests.context.worlds import DAY, Item, Reader, Version, World, marker, permitted, readers, worlds, write

THOROUGH = os.environ.get("PLUMBLINE_THOROUGH") == "1"
WORLDS = 5_000 if THOROUGH else 60
STYLES = ("keys", "kind", "tag", "follow")
FAST = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Asked:
    """A request for the past is half-way between two days, so that nothing begins or ends at that very moment."""

    world: World
    reader: Reader
    then: Reader | None
    day: float | None
    style: str
    budget: int
    required: bool
    most: int = 5


asked = st.builds(
    Asked,
    world=worlds(),
    reader=readers,
    then=st.none() | readers,
    day=st.none() | st.integers(-10, -1).map(lambda day: day + 0.5),
    style=st.sampled_from(STYLES),
    budget=st.sampled_from([10, 30, 100_000]),
    required=st.booleans(),
)


@pytest.fixture
def pen(cast: Cast) -> int:
    """A change published in the transaction of the test, whose pen writes the worlds."""
    cast.reviewer.groups.add(cast.counsel)
    publish(cast, creation("legal/pen", kind="reference", body="Of no concern."))
    return int(Change.objects.get().pk)


@contextmanager
def written(world: World, cast: Cast, pen: int, present: datetime | None = None) -> Iterator[datetime]:
    """The world as it stands at the present, or at the given one, and gone afterwards."""
    present = present or timezone.now()
    place = transaction.savepoint()
    try:
        write(world, cast, present=present, change=pen)
        yield present
    finally:
        transaction.savepoint_rollback(place)


def order_of(asking: Asked, present: Any) -> Order:
    keys = [item.key for item in asking.world.named]
    stated = {
        "keys": [Requirement(name=key, key=key, required=asking.required) for key in keys],
        "kind": [Requirement(name="all", kind="policy", domain="legal", required=asking.required)],
        "tag": [Requirement(name="all", tag="tagged", required=asking.required)],
        "follow": [
            Requirement(name=key, key=key, follow=("depends_on",), depth=3, required=asking.required)
            for key in keys[:1]
        ],
        "matches": [],
    }[asking.style]
    return Order(
        requirements=tuple(stated),
        token_budget=asking.budget,
        tokenizer="o200k_base",
        query="common words",
        most_matches=asking.most,
        as_of=present + asking.day * DAY if asking.day is not None else None,
        serve_with_gaps=True,
        heading={},
    )


def check(asking: Asked, cast: Cast, pen: int) -> None:
    """Whatever is asked, and however little room there is: no word of a text that the reader may not have then."""
    with written(asking.world, cast, pen) as present:
        order = order_of(asking, present)
        principal = asking.reader.principal(cast, asking.then if asking.day is not None else None)
        try:
            content = assemble(principal=principal, order=order).content
        except ContextUnavailable as refusal:
            content = json.dumps([gap.as_json() for gap in refusal.gaps]).encode()
    allowed = permitted(asking.world, asking.reader, asking.day, asking.then)
    for item in asking.world.items:
        for number in range(1, len(item.versions) + 1):
            if (item.key, number) not in allowed:
                assert marker(item.key, number).encode() not in content, f"{item.key} version {number} is in it"


def check_alike(asking: Asked, cast: Cast, pen: int) -> None:
    """What is hidden is not there, neither in what is told nor in what is left out nor in what comes first."""
    answers = []
    principal = asking.reader.principal(cast, asking.then if asking.day is not None else None)
    present = timezone.now()
    for world in (asking.world, asking.world.without_hidden_from(asking.reader)):
        twin = replace(asking, world=world)
        with written(world, cast, pen, present):
            try:
                content = assemble(principal=principal, order=order_of(twin, present)).content
            except ContextUnavailable as refusal:
                content = json.dumps({"refused": [gap.as_json() for gap in refusal.gaps]}).encode()
        answers.append(content)
    assert answers[0] == answers[1], "what is hidden makes a difference"


@settings(FAST, max_examples=WORLDS)
@given(asking=asked)
def test_bundle__any_world_any_reader_any_moment__holds_permitted_text_alone(
    cast: Cast, pen: int, asking: Asked
) -> None:
    check(asking, cast, pen)


@settings(FAST, max_examples=WORLDS // 3)
@given(asking=asked.map(lambda each: replace(each, style="keys", required=False, budget=100_000)))
def test_bundle__asked_for_each_text_by_key__holds_all_that_is_permitted(cast: Cast, pen: int, asking: Asked) -> None:
    """The other side: a filter that lets nothing through would pass the test above."""
    with written(asking.world, cast, pen) as present:
        order = order_of(asking, present)
        principal = asking.reader.principal(cast, asking.then if asking.day is not None else None)
        with reading_as(principal):
            content = assemble(principal=principal, order=order).content
    served = {(entry["key"], entry["version"]) for entry in json.loads(content)["entries"]}
    assert served - {("legal/pen", 1)} == permitted(asking.world, asking.reader, asking.day, asking.then)


@settings(FAST, max_examples=WORLDS // 3)
@given(asking=asked)
def test_bundle__world_without_what_is_hidden__answers_byte_for_byte_alike(cast: Cast, pen: int, asking: Asked) -> None:
    """Bundle and refusal alike."""
    check_alike(asking, cast, pen)


@settings(FAST, max_examples=WORLDS // 3)
@given(asking=asked.map(lambda each: replace(each, style="keys")), budget=st.integers(1, 120))
def test_budget__whatever_it_is__no_required_text_is_dropped_and_every_omission_has_its_cost(
    cast: Cast, pen: int, asking: Asked, budget: int
) -> None:
    with written(asking.world, cast, pen) as present:
        principal = asking.reader.principal(cast, asking.then if asking.day is not None else None)
        roomy = order_of(replace(asking, budget=1_000_000), present)
        whole = json.loads(assemble(principal=principal, order=roomy).content)
        required = [entry["key"] for entry in whole["entries"] if entry["why"] == "required"]
        cost = {entry["key"]: entry["tokens"] for entry in whole["manifest"]["entries"]}
        gaps: Sequence[Gap] = ()
        told: dict[str, Any] = {}
        try:
            told = json.loads(assemble(principal=principal, order=replace(roomy, token_budget=budget)).content)
        except ContextUnavailable as refusal:
            gaps = refusal.gaps
    needed = sum(cost[key] for key in required)
    if gaps:
        assert [(gap.code, dict(gap.numbers)) for gap in gaps] == [
            ("over_budget", {"needed": needed, "budget": budget})
        ]
        assert needed > budget
        return
    manifest = told["manifest"]
    served = [entry["key"] for entry in told["entries"]]
    assert [key for key in required if key not in served] == []
    assert manifest["total"] == sum(entry["tokens"] for entry in manifest["entries"]) <= budget
    omitted = {each["key"]: each["tokens"] for each in manifest["left_out"]}
    wanted = {entry["key"] for entry in whole["entries"] if entry["why"] in ("required", "optional")}
    assert {key: cost[key] for key in wanted if key not in served} == {
        key: tokens for key, tokens in omitted.items() if key in wanted
    }


# Each leaves one condition out of the statements: (where, the condition, what stands in its place). What is asked is
# bent to where it matters, so that a few worlds are enough: about now or the past, by which kind of requirement.
ALL = (context.availability, context.neighbourhood, context.search)
NOW, PAST = {"day": None}, {"day": -2.5}
BY_KEY = {"style": "keys", "required": False, "budget": 100_000}
FOLLOWED = {"style": "follow", "required": False, "budget": 100_000}
LOW, HIGH = (Reader(clearance=clearance, board=True, sales=True, legal=True) for clearance in (1, 3))
NO_SALES, NO_BOARD = replace(HIGH, sales=False), replace(HIGH, board=False)
RAISED = {**BY_KEY, "reader": HIGH, "then": None}
LOWERED = {**BY_KEY, "reader": LOW, "then": HIGH}
Mutation = tuple[tuple[ModuleType, ...], str, str, dict[str, Any]]
MUTATIONS: dict[str, Mutation] = {
    "clearance": (ALL, "item.sensitivity <= %(reader_clearance)s", "TRUE", {**NOW, **BY_KEY, "reader": LOW}),
    "clearance of what is reached": (
        (context.neighbourhood,),
        "item.sensitivity <= %(reader_clearance)s",
        "TRUE",
        {**NOW, **FOLLOWED, "reader": LOW},
    ),
    "domain": (
        ALL,
        "item.domain_id = ANY (%(reader_domains)s::bigint[])",
        "TRUE",
        {**NOW, **BY_KEY, "reader": NO_SALES},
    ),
    "audience": (
        ALL,
        "NOT EXISTS (SELECT FROM context_contextitem_audiences WHERE contextitem_id = item.id)",
        "TRUE",
        {**NOW, **BY_KEY, "reader": NO_BOARD},
    ),
    "not yet true": (ALL, "version.valid_from <= moment.at", "TRUE", {**NOW, **RAISED}),
    "expired": (ALL, "(version.valid_to IS NULL OR version.valid_to > moment.at)", "TRUE", {**NOW, **RAISED}),
    "superseded": (
        ALL,
        "(version.superseded_at IS NULL OR version.superseded_at > moment.at)",
        "TRUE",
        {**NOW, **RAISED},
    ),
    "not yet known": (ALL, "version.published_at <= moment.at", "TRUE", {**PAST, **RAISED}),
    "clearance of the text": (ALL, "ELSE 3 END) <= %(reader_clearance)s", "ELSE 3 END) <= 3", {**PAST, **LOWERED}),
    "clearance then": (
        ALL,
        "ELSE 3 END) <= %(then_clearance)s",
        "ELSE 3 END) <= 3",
        {**PAST, **BY_KEY, "reader": HIGH, "then": LOW},
    ),
    "audience of the text": (
        ALL,
        "jsonb_array_length(coalesce(version.metadata -> 'audiences', '[]')) = 0",
        "TRUE",
        {**PAST, **BY_KEY, "reader": NO_BOARD},
    ),
    "domain then": (
        ALL,
        " id = ANY (%(then_domains)s::bigint[])",
        " TRUE",
        {**PAST, **BY_KEY, "reader": HIGH, "then": NO_SALES},
    ),
    "text in force until a planned one": (ALL, "version.id = item.current_version_id OR", "TRUE OR", {**NOW, **BY_KEY}),
    "match not yet in force": ((context.search,), "passage.in_force_from <= %(at)s", "TRUE", {**NOW, **FOLLOWED}),
    "match no longer in force": (
        (context.search,),
        "(passage.in_force_until IS NULL OR passage.in_force_until > %(at)s)",
        "TRUE",
        {**NOW, **FOLLOWED},
    ),
}


# What a search ranks, and the item of each hit, are judged apart: (one condition, the other, an item it hides). Leaving
# out both serves what is hidden; leaving out the first alone lets what is hidden take the place of what is open.
OPEN: dict[str, Any] = {"known": -5, "begins": -5, "ends": None, "sensitivity": 0, "board": False}
MATCHED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "clearance": (
        "mine.sensitivity <= %(reader_clearance)s",
        "item.sensitivity <= %(reader_clearance)s",
        {"versions": (Version(**{**OPEN, "sensitivity": 2}),)},
    ),
    "domain": (
        "mine.domain_id = ANY (%(reader_domains)s::bigint[])",
        "item.domain_id = ANY (%(reader_domains)s::bigint[])",
        {"sales": True},
    ),
    "audience": (
        "mine.audience_ids = '{}'",
        "NOT EXISTS (SELECT FROM context_contextitem_audiences WHERE contextitem_id = item.id)",
        {"versions": (Version(**{**OPEN, "board": True}),)},
    ),
}


def leaving_out(conditions: Mapping[str, str], met: list[str]) -> Callable[..., list[tuple[Any, ...]]]:
    def mutated(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        for condition, instead in conditions.items():
            if condition in statement:
                met.append(condition)
            statement = statement.replace(condition, instead)
        return rows(statement, parameters)

    return mutated


@pytest.mark.parametrize("name", MUTATIONS)
def test_bundle__with_a_condition_left_out__fails_the_property(
    cast: Cast, pen: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules, condition, instead, bent = MUTATIONS[name]
    met: list[str] = []
    for module in modules:
        monkeypatch.setattr(module, "rows", leaving_out({condition: instead}, met))

    @settings(FAST, max_examples=600, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)
    @given(asking=asked)
    def property_under_mutation(asking: Asked) -> None:
        check(replace(asking, **bent), cast, pen)

    with pytest.raises(AssertionError, match="is in it"):
        property_under_mutation()
    assert met, "the condition does not stand in any statement any more: mend the mutation"


@pytest.mark.parametrize("name", MATCHED)
def test_matches__with_a_condition_left_out__fail_the_properties(
    cast: Cast, pen: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty hidden texts before an open one, more than a search for one match goes through."""
    ranked, told, hides = MATCHED[name]
    plain: dict[str, Any] = {"sales": False, "tag": False, "retired": None, "versions": (Version(**OPEN),)}
    crowd = [Item(place=place, **{**plain, **hides}) for place in range(20)]
    asking = Asked(
        world=World(items=(*crowd, Item(place=20, **plain))),
        reader=Reader(clearance=1, board=False, sales=False, legal=True),
        then=None,
        day=None,
        style="matches",
        budget=100_000,
        required=False,
        most=1,
    )
    met: list[str] = []
    check(asking, cast, pen)
    check_alike(asking, cast, pen)
    monkeypatch.setattr(context.search, "rows", leaving_out({ranked: "TRUE"}, met))
    with pytest.raises(AssertionError, match="makes a difference"):
        check_alike(asking, cast, pen)
    monkeypatch.setattr(context.search, "rows", leaving_out({ranked: "TRUE", told: "TRUE"}, met))
    with pytest.raises(AssertionError, match="is in it"):
        check(asking, cast, pen)
    assert {ranked, told} <= set(met), "the conditions do not stand in the statement any more: mend the mutation"
