"""Three agents review a contract as a flow, by what the organisation has approved, put to a model over real HTTP."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Decision, FlowRunState, Run, RunBundle, RunState, RunStep
from agents.runs.reviewing import RunDecision, awaiting, review_run
from agents.runs.waiting import look_again
from context.access import principal_for
from context.models import ContextItem
from tests.trio.conftest import APPETITE, LIBRARY, Desk, agree, expire, person, rules_edit, second_comparer, tighten
from tests.trio.stub import Fault

pytestmark = pytest.mark.slow  # the sample is lived through once for all of them

MARKET = "This is market standard."


def source(key: str) -> str:
    """The text in force, as an output names it."""
    version = ContextItem.objects.select_related("current_version").get(key=key).current_version
    assert version is not None
    return f"{key}@{version.number}"


def test_trio__with_the_organisations_context__succeeds_and_says_what_our_texts_say(desk: Desk) -> None:
    review = desk.review()
    assert (review.state, review.steps()) == (
        FlowRunState.SUCCEEDED, {"clauses": "succeeded", "comparison": "succeeded", "score": "succeeded"},
    )  # fmt: skip
    found, compared, scored = (review.run(name) for name in ("clauses", "comparison", "score"))
    assert [each.agent.slug for each in (found, compared, scored) if each.agent is not None] == [
        "clause-extractor", "terms-comparer", "risk-scorer",
    ]  # fmt: skip
    assert [each["quantity"] for each in found.output["clauses"]] == [900_000, 36, 90, 30]
    marks = {each["subject"].split(",")[0]: each["mark"] for each in compared.output["comparison"]}
    assert marks == {
        "Supplier's liability": "outside",
        "Personal data breach told to us": "fallback",
        "Termination for convenience by us": "equal",
        "Payment of undisputed invoices": "equal",
    }
    cap = compared.output["comparison"][0]
    assert "the greater of GBP 2,000,000 or 150 % of the annual charges" in cap["our_position"]
    assert cap["source"] == source(LIBRARY)
    assert (review.output["score"], review.output["decided_by"]) == (40, "Contracts desk")
    assert {each["source"] for each in review.output["findings"]} == {source(APPETITE)}
    # What they were sent is what the ledger says they got, and what it cost is counted.
    assert "Termination for convenience by us" in desk.stub.prompts("comparer")[0]
    given = RunBundle.objects.select_related("bundle").get(run=compared).bundle
    assert ContextItem.objects.get(key=LIBRARY).current_version_id in given.version_ids
    assert Decision.objects.get(run=str(scored.pk)).outcome["agent"] == "risk-scorer"
    assert found.snapshot_at == compared.snapshot_at == scored.snapshot_at
    assert all(step.input_tokens and step.cost for step in RunStep.objects.all())


def test_trio__clause_library_has_expired__is_refused_with_who_can_mend_it_and_nothing_is_sent(desk: Desk) -> None:
    expire(LIBRARY)
    key = desk.credentials["agents"]["terms-comparer"]["key"]
    refusal = Client(raise_request_exception=False).post(
        "/api/v1/bundles/",
        json.dumps({"contract": "compare-with-our-terms", "task": {"clauses": []}}),
        content_type="application/json",
        HTTP_AUTHORIZATION=f"Bearer {key}",
    )
    assert refusal.status_code == 409
    assert refusal.json()["type"].endswith("/context-unavailable")
    gap = next(each for each in refusal.json()["gaps"] if each["requirement"] == LIBRARY)
    assert (gap["code"], gap["owner"]) == ("stale", "Harriet Okafor")
    assert gap["fix"]
    review = desk.review()
    assert (review.state, review.steps()["comparison"]) == (FlowRunState.RUNNING, "waiting")
    waits = review.run("clauses")
    assert waits.state == RunState.WAITS_FOR_CONTEXT
    told = next(each for each in waits.reasons[0]["gaps"] if each["requirement"] == LIBRARY)
    assert (told["code"], told["owner"], told["fix"]) == ("stale", "Harriet Okafor", gap["fix"])
    assert desk.stub.asked == []
    assert look_again(now=timezone.now() + timedelta(hours=25)) == 1  # nobody mended it: a person takes it
    assert review.run("clauses").state == RunState.WAITS_FOR_PERSON


def test_trio__appetite_tightened_by_a_change__score_and_route_are_others(desk: Desk) -> None:
    before, large = desk.review(), desk.review(total_value=600_000)
    assert [each.state for each in (before, large)] == [FlowRunState.SUCCEEDED] * 2
    assert (before.output["score"], before.output["decided_by"]) == (40, "Contracts desk")
    assert large.run("comparison").agent is not None
    tighten()
    after, again = desk.review(), desk.review(total_value=600_000)
    assert (after.output["score"], after.output["decided_by"]) == (50, "Legal counsel")
    assert after.output["findings"][0]["source"] == source(APPETITE) != before.output["findings"][0]["source"]
    compared = again.run("comparison")
    assert (again.state, compared.state, compared.agent) == (FlowRunState.RUNNING, RunState.WAITS_FOR_PERSON, None)
    assert "counsel compares and scores" in compared.reasons[0]["detail"]
    assert compared in awaiting(principal_for(person("tomasz.wrona")))  # who owns the contract of the step


def test_trio__comparer_fails__is_tried_again_and_then_its_fallback_takes_over(desk: Desk) -> None:
    spare = second_comparer(desk.stub.url)
    then = {
        "do": "agent",
        "targets": [{"agent": "terms-comparer"}, {"agent": "second-comparer"}],
        "incomplete": {"do": "person", "to": "owner"},
    }
    agree(rules_edit(Comparison={"then": then}))
    desk.stub.script("house-model-1", Fault(status=500), Fault(status=503), Fault(seconds=1.3), Fault())
    review = desk.review()
    compared = review.run("comparison")
    assert (review.state, compared.agent_id) == (FlowRunState.SUCCEEDED, spare.pk)
    assert [each["cause"] for each in compared.reasons] == ["answered_500", "answered_503", "not_reached"]
    assert [step.state for step in compared.steps.order_by("pk")] == ["failed", "failed", "failed", "done"]
    assert review.output["score"] == 40


def test_trio__output_that_speaks_of_the_market__is_sent_back_once_and_then_waits_for_a_person(desk: Desk) -> None:
    desk.stub.script("comparer", Fault(words=MARKET, until_told=True))
    corrected = desk.review()
    assert (corrected.state, corrected.run("comparison").times_sent_back) == (FlowRunState.SUCCEEDED, 1)
    desk.stub.script("comparer", Fault(words=MARKET))
    review = desk.review()
    run = review.run("comparison")
    assert (run.state, run.times_sent_back, review.steps()["score"]) == (RunState.IN_REVIEW, 1, "waiting")
    assert {each["check"] for each in run.reasons} == {"forbidden_terms"}
    told = [post for role, post in desk.stub.asked if role == "comparer"][-1]["messages"][-1]["content"]
    assert "“market standard” is not to be used." in told
    counsel = person("tomasz.wrona")
    assert run in awaiting(principal_for(counsel))
    mended = json.loads(json.dumps(run.output).replace(f" {MARKET}", ""))
    said = RunDecision(decision="edit", output=mended, digest=run.output_digest)
    assert review_run(actor=counsel, run_id=run.pk, said=said, now=timezone.now()).state == RunState.SUCCEEDED
    desk.send_out()  # what a person has mended goes on down the chain
    assert (review.state, review.output["score"]) == (FlowRunState.SUCCEEDED, 40)
    assert Run.objects.filter(task_type="score-risk").count() == 2
