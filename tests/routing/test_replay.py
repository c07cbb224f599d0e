"""The same facts and rules give the same decision, bit for bit: again, after a restart, and in the next release."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import orjson
from django.conf import settings
from django.utils import timezone

from agents.benchmarks.routing import facts, rules
from agents.models import Decision, RuleSet
from agents.routing import rule_sets
from agents.routing.asking import Answer
from agents.routing.decide import Decider, compile_table
from agents.routing.decisions import record_decision, replay
from agents.routing.definitions import Target
from agents.routing.explaining import explain
from agents.routing.facts import facts_from
from agents.routing.table import table_of
from agents.routing.weights import balanced
from context.access import principal_for
from context.digests import canonical
from tests.routing.conftest import World, publish_rules, rule, to
from tests.routing.conftest import rules as small_rules

DECISIONS = 500
REPLAYS = 1_000 if os.environ.get("PLUMBLINE_THOROUGH") else 4
# Over the digests of the decisions below. Where a release changes this, recorded decisions no longer replay to what
# they were: give outcomes a version then, and keep the old way of writing them.
GOLDEN = "5962a0fb33ad4d3c80e5779eba92ff6872e9d6b0fcc642bf5b113de862365574"


def decider() -> Decider:
    return compile_table(table_of(rules(cel=10), slug="bench", number=1, digest=""))


def digest_of_all(made: Decider) -> str:
    """One digest over all decisions, from facts as they come back from the database."""
    told = hashlib.sha256()
    for number in range(DECISIONS):
        recorded = orjson.loads(canonical(facts(number, types=10).as_json()))
        told.update(made.decide(facts_from(recorded)).digest.encode())
    return told.hexdigest()


def test_replay__five_hundred_decisions_again_and_again__are_the_same_to_the_bit() -> None:
    for _ in range(REPLAYS):
        assert digest_of_all(decider()) == GOLDEN


def test_replay__in_a_process_of_its_own__is_the_same_to_the_bit() -> None:
    code = (
        "import django; django.setup(); from tests.routing.test_replay import decider, digest_of_all; "
        "print(digest_of_all(decider()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == GOLDEN


def test_replay__recorded_before_rules_moved_on__is_made_by_the_rules_of_then(world: World) -> None:
    publish_rules(world.cast, small_rules(rule("all", then=to("first", "second", balance="weights"))))
    principal = principal_for(world.cast.owner)
    for number in range(10):
        record_decision(
            principal=principal, answer=world.ask(run=f"run-{number}"), run=f"run-{number}", now=timezone.now()
        )
    publish_rules(world.cast, small_rules(rule("none", then={"do": "refuse"})))
    rule_sets._kept.cache_clear()
    stored = list(Decision.objects.select_related("rule_set_version__rule_set"))
    assert all(replay(decision).same for decision in stored)
    assert {decision.outcome["agent"] for decision in stored} == {"first", "second"}


def test_replay__outcome_that_was_forged__is_not_the_same(world: World) -> None:
    rule_set: RuleSet = publish_rules(world.cast, small_rules(rule("all", then=to("first"))))
    answer: Answer = world.ask()
    decision = record_decision(principal=principal_for(world.cast.owner), answer=answer, now=timezone.now())
    decision.facts = {**decision.facts, "targets": []}
    assert rule_set.current_version == decision.rule_set_version
    assert not replay(decision).same


def test_weights__many_runs__are_shared_as_the_weights_say_and_move_least_when_an_agent_comes() -> None:
    two = [Target(agent="a", weight=3), Target(agent="b", weight=1)]
    first = [balanced(two, run=str(run), salt="s")[0].agent for run in range(4_000)]
    assert 2_900 < first.count("a") < 3_100
    with_third = [
        balanced([*two, Target(agent="c", weight=1)], run=str(run), salt="s")[0].agent for run in range(4_000)
    ]
    assert all(new in (old, "c") for old, new in zip(first, with_third, strict=True))
    assert balanced(two, run="x", salt="s") == balanced(list(reversed(two)), run="x", salt="s")


def test_explain__every_rule_tried__has_a_reason() -> None:
    made = decider()
    for number in range(50):
        given = facts(number, types=10)
        verdict = made.decide(given)
        told = explain(made.table, given, verdict)
        assert len(told) == len(verdict.tried)
        assert all(each["why"] for each in told)
