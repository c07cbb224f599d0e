"""The runs' part of an evidence kit: what was decided and done on a text, and what people said of it."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.authentication import authenticate
from agents.models import Run
from agents.routing.asking import Question
from agents.routing.decide import compile_table
from agents.routing.decisions import record_decision
from agents.routing.facts import facts_from
from agents.routing.table import table_of
from agents.runs.contexts import give_bundle
from agents.runs.finishing import fail_run
from agents.runs.leases import claim_run
from agents.runs.reviewing import RunDecision, review_run
from agents.runs.starting import RunOrder, start_run
from context.access import principal_for
from context.models import Sensitivity
from governance.audit.evidence import write_kit
from tests.cast import creation, publish
from tests.routing.conftest import World, publish_rules, rule, rules, to
from tests.routing.conftest import world as world


def kit(world: World, **asked: Any) -> dict[str, Any]:
    """The files that runs add, and the events of the ledger's extract."""
    out = io.BytesIO()
    write_kit(principal=principal_for(world.cast.auditor), out=out, now=timezone.now(), **asked)
    with zipfile.ZipFile(out) as archive:
        names = ("runs", "decisions", "rule_sets", "reviews")
        found = {name: json.loads(archive.read(f"agents/{name}.json")) for name in names}
        lines = [json.loads(line) for line in archive.read("ledger.jsonl").splitlines()]
    return {**found, "events": [line.get("action") for line in lines if line.get("type") == "event"]}


@pytest.fixture
def run(world: World) -> Run:
    """A run on `legal/cap` and `legal/terms` that its agent gave up and a person rejected."""
    publish(world.cast, creation("legal/unused", body="Nobody reads this."))
    publish_rules(world.cast, rules(rule("all", then=to("first"))))
    made = start_run(
        actor=principal_for(world.cast.owner),
        name="owner",
        question=Question(rule_set="routes", task_type="review", task={"clause": "90 days"}),
        order=RunOrder(task_type="review", task={"clause": "90 days"}),
        now=timezone.now(),
    )
    agent = authenticate(f"Bearer {world.first.bearer}")
    claim = claim_run(agent=agent, now=timezone.now())
    assert claim is not None
    held: Any = {"agent": agent, "run_id": made.pk, "token": claim.token}
    give_bundle(**held, now=timezone.now())
    fail_run(**held, cause="unsure", detail="It is not clear.", retryable=False, now=timezone.now())
    review_run(
        actor=world.cast.owner,
        run_id=made.pk,
        said=RunDecision(decision="reject", comment="Not ours to answer."),
        now=timezone.now(),
    )
    return made


def test_item__that_a_run_worked_on__brings_the_run_its_decision_and_what_a_person_said(world: World, run: Run) -> None:
    files = kit(world, key="legal/cap")
    (told,) = files["runs"]
    assert (told["id"], told["state"], told["bundles"][0]["agent"]) == (str(run.pk), "failed", "first")
    (said,) = files["reviews"]
    assert (said["reviewer"], said["decision"], said["comment"]) == ("owner", "reject", "Not ours to answer.")
    assert {"agents.decision.made", "agents.run.started", "agents.run.given_bundle"} <= set(files["events"])
    unused = kit(world, key="legal/unused")
    assert [unused[name] for name in ("runs", "decisions", "rule_sets", "reviews")] == [[], [], [], []]


def test_decision__made_again_from_the_files_alone__is_the_same(world: World, run: Run) -> None:
    files = kit(world, key="legal/terms")
    (decision,), (version,) = files["decisions"], files["rule_sets"]
    assert decision["run"] == str(run.pk)
    assert decision["rule_set_digest"] == version["digest"]
    table = table_of(version["payload"], slug=version["rule_set"], number=version["version"], digest=version["digest"])
    assert compile_table(table).decide(facts_from(decision["facts"])).digest == decision["digest"]


def test_period__brings_what_began_in_it__tries_without_a_run_too(world: World, run: Run) -> None:
    owner = principal_for(world.cast.owner)
    record_decision(principal=owner, answer=world.ask(), now=timezone.now())
    begun = Run.objects.get().created_at
    files = kit(world, since=begun, until=timezone.now() + timedelta(seconds=1))
    assert [each["run"] for each in files["decisions"]] == [str(run.pk), None]
    assert (len(files["runs"]), len(files["reviews"])) == (1, 1)
    before = kit(world, since=begun - timedelta(days=1), until=begun)
    assert [before[name] for name in ("runs", "decisions", "reviews")] == [[], [], []]


def test_run__with_texts_above_the_auditors_clearance__is_left_out(world: World, run: Run) -> None:
    world.cast.auditor.clearance = Sensitivity.PUBLIC
    world.cast.auditor.save(update_fields=["clearance"])
    files = kit(world, since=run.created_at)
    assert [files[name] for name in ("runs", "decisions", "rule_sets", "reviews")] == [[], [], [], []]
