"""What is proved of a table, held against trying every case."""

from __future__ import annotations

import os
import time
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.routing.checks import Analysis, analyse, check_table, decides
from agents.routing.decide import compile_table
from agents.routing.definitions import Table
from agents.routing.facts import Facts, TargetContext, TargetFacts
from agents.routing.table import read_table
from tests.routing.conftest import rule, to

EXAMPLES = 2_000 if os.environ.get("PLUMBLINE_THOROUGH") else 120

TYPES = ["a", "b", "c"]
FIELDS = [
    {"name": "value", "type": "number"},
    {"name": "count", "type": "integer"},
    {"name": "place", "type": "text"},
    {"name": "urgent", "type": "truth"},
    {"name": "marks", "type": "set"},
]
# Every value that any condition below can tell from another, and some that none can.
DOMAINS: dict[str, list[Any]] = {
    "task.type": [None, *TYPES],
    "field.value": [None, 0, 1, 1.5, 2, 3, 4],
    "field.count": [None, 0, 1, 2, 3, 4],
    "field.place": [None, "here", "there", "elsewhere"],
    "field.urgent": [None, True, False],
    "field.marks": [None, (), ("x",), ("y",), ("x", "y"), ("z",), ("x", "z"), ("y", "z"), ("x", "y", "z")],
}


def table(*rules: dict[str, Any], **more: Any) -> Table:
    payload = {"name": "t", "task_types": [{"name": each, "contract": "c"} for each in TYPES], "fields": FIELDS}
    made, faults = read_table({**payload, "rules": list(rules), **more})
    assert made is not None, faults
    return made


NUMBERS = st.sampled_from([1, 2, 3])
CELLS = st.one_of(
    st.tuples(st.just("task.type"), st.sampled_from(["is", "is not"]), st.sampled_from(TYPES)),
    st.tuples(st.just("task.type"), st.sampled_from(["in", "not in"]), st.lists(st.sampled_from(TYPES), min_size=1)),
    st.tuples(
        st.sampled_from(["field.value", "field.count"]), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), NUMBERS
    ),
    st.tuples(
        st.sampled_from(["field.value", "field.count"]), st.just("between"), st.tuples(NUMBERS, NUMBERS).map(sorted)
    ),
    st.tuples(st.just("field.place"), st.sampled_from(["is", "is not"]), st.sampled_from(["here", "there"])),
    st.tuples(st.just("field.urgent"), st.just("is"), st.booleans()),
    st.tuples(
        st.just("field.marks"),
        st.sampled_from(["has any of", "has all of", "has none of"]),
        st.lists(st.sampled_from(["x", "y"]), min_size=1, unique=True),
    ),
    st.tuples(st.just("field.marks"), st.sampled_from(["is empty", "is not empty"])),
    st.tuples(st.sampled_from(list(DOMAINS)), st.sampled_from(["is given", "is absent"])),
)
THEN = st.sampled_from([{"do": "refuse"}, {"do": "human", "to": "owner"}, to("agent"), to("agent", nobody="next")])
RULES = st.lists(st.tuples(st.lists(CELLS, max_size=3), THEN, st.booleans()), min_size=1, max_size=6)


def brute(made: Table) -> tuple[set[int], set[int], set[tuple[int, int]], bool]:
    """Rules that can match, that are reached; pairs that both match; whether a case is surely decided by no rule."""
    asked = sorted({each.fact.name for rule in made.rules for each in rule.conditions})
    possible, reached, overlapping, gap = set(), set(), set(), False
    tests = [[(each.fact.name, each.test()) for each in rule.conditions] for rule in made.rules]
    space = analyse(made).space
    for values in product(*(DOMAINS[name] for name in asked)):
        case = dict(zip(asked, values, strict=True))
        matching = [place for place, each in enumerate(tests) if all(test(case[name]) for name, test in each)]
        possible |= set(matching)
        overlapping |= {(one, other) for one in matching for other in matching if one < other}
        decided = False
        for place in matching:
            reached.add(place)
            if decides(made.rules[place], space):
                decided = True
                break
        gap = gap or not decided
    return possible, reached, overlapping, gap


@given(RULES)
@settings(max_examples=EXAMPLES, deadline=None)
def test_analyse__any_small_table__proves_what_trying_every_case_finds(stated: Any) -> None:
    made = table(
        *(
            rule(f"r{place}", *cells, then=then, **({"condition": "caller.clearance > 1"} if free else {}))
            for place, (cells, then, free) in enumerate(stated)
        )
    )
    possible, reached, overlapping, gap = brute(made)
    found = analyse(made)
    everything = set(range(len(made.rules)))
    assert set(found.impossible) == everything - possible
    assert set(found.hidden) == possible - reached
    assert set(found.overlapping) == overlapping
    assert bool(found.gaps) is gap
    assert not found.unproved
    assert not found.gaps_unproved


@given(RULES)
@settings(max_examples=EXAMPLES // 4, deadline=None)
def test_analyse__every_gap_told__has_an_example_that_no_rule_decides(stated: Any) -> None:
    made = table(*(rule(f"r{place}", *cells, then=then) for place, (cells, then, _) in enumerate(stated)))
    found = analyse(made)
    decider = compile_table(made)
    context = TargetContext(complete=True)
    target = TargetFacts(agent="agent", contract="c", state="suspended", values={}, context=context)
    for box in found.gaps:
        values = {name: value for name, value in found.space.example(box).items() if value is not None}
        verdict = decider.decide(Facts(run="", at="", values=values, targets={("agent", "c"): target}))
        assert verdict.rule is None, values


def told(made: Table) -> list[tuple[str, str]]:
    return [(each.code, each.message) for each in check_table(made)]


def test_check__rule_after_one_that_takes_all__is_never_reached_and_says_by_which() -> None:
    made = table(
        rule("small", ("field.value", "<", 10), then={"do": "refuse"}),
        rule("large", ("field.value", ">=", 10), then=to("agent")),
        rule("all", then={"do": "human", "to": "owner"}),
        rule("late", ("task.type", "is", "a"), then={"do": "refuse"}),
    )
    assert told(made) == [("unreachable", "“late” is never reached: “all” takes all its cases.")]


def test_check__rule_that_may_decline__hides_nothing() -> None:
    declining = [
        rule("cel", then={"do": "refuse"}, condition="caller.clearance > 1"),
        rule("agents", ("agent.health", "is", "healthy"), then=to("agent")),
        rule("next", then=to("agent", nobody="next")),
    ]
    made = table(*declining, rule("all", then={"do": "refuse"}))
    assert told(made) == []


def test_check__exception_before_its_rule__is_no_overlap_to_warn_of() -> None:
    made = table(
        rule("exception", ("task.type", "is", "a"), ("field.value", ">", 5), then={"do": "human", "to": "owner"}),
        rule("general", ("task.type", "is", "a"), then=to("agent")),
        rule("all", then={"do": "refuse"}),
    )
    assert told(made) == []


def test_check__rules_that_half_overlap__are_told_with_the_cases() -> None:
    made = table(
        rule("value", ("field.value", ">", 5), then=to("other")),
        rule("type", ("task.type", "is", "a"), then=to("agent")),
        rule("all", then={"do": "refuse"}),
    )
    assert told(made) == [
        ("overlap", "“value” and “type” both match where the task's type is a; value is above 5; the first decides.")
    ]


def test_check__person_before_the_routes__is_a_guard_and_only_noted() -> None:
    made = table(
        rule("guard", ("field.value", ">", 5), then={"do": "human", "to": "owner"}),
        rule("type", ("task.type", "is", "a"), then=to("agent")),
        rule("all", then={"do": "refuse"}),
    )
    assert [(each.level, each.code) for each in check_table(made)] == [("note", "overlap")]


def test_check__cases_without_a_rule__are_told_in_words() -> None:
    made = table(rule("a", ("task.type", "in", ["a", "b"]), then=to("agent")))
    assert told(made) == [
        (
            "gap",
            "No rule surely decides where the task's type is c or is not given. Then the task is refused.",
        )
    ]


def test_check__conditions_that_exclude_each_other__never_match() -> None:
    made = table(
        rule("never", ("field.count", ">", 1), ("field.count", "<", 2), then={"do": "refuse"}),
        rule("all", then={"do": "refuse"}),
    )
    assert told(made) == [("impossible", "“never” can never match: its conditions exclude each other.")]


def test_check__more_cases_than_are_looked_at__is_said_and_not_guessed() -> None:
    many = [
        rule(f"r{n}", *((f"field.{name}", ">", n + shift) for shift, name in enumerate(["value", "count"])),
             ("field.marks", "has any of", [f"m{n}"]), then={"do": "refuse"})
        for n in range(14)
    ]  # fmt: skip
    found: Analysis = analyse(table(*many))
    assert [fact.name for fact in found.space.untold] == ["field.marks"]
    assert found.hidden == {}


@pytest.mark.parametrize("size", [100, 500])
def test_check__hundreds_of_rules__takes_a_moment(size: int) -> None:
    made = table(
        *(
            rule(f"r{n}", ("task.type", "is", TYPES[n % 3]), ("field.value", "between", [n, n + 2]), then=to("agent"))
            for n in range(size)
        )
    )
    begun = time.process_time()
    check_table(made)
    assert time.process_time() - begun < (1 if size == 100 else 20)
