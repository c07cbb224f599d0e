"""Runs: claimed by one, lost by nobody, each effect once, ended once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from agents.models import Budget, Run, RunLease, RunState, RunStep
from agents.registry import set_state
from agents.runs.finishing import cancel_run, complete_run, fail_run, hand_off
from agents.runs.leases import LeaseLost, claim_run, heartbeat, take_back_expired
from agents.runs.moving import RunHasEnded
from agents.runs.starting import Assignment, RunOrder, open_run
from agents.runs.steps import EffectKnown, StepReport, report_step
from agents.runs.trying_again import LONGEST_WAIT, wait_before
from context.access import principal_for
from context.errors import InvalidInput, NotFound, NotPermitted
from governance.models import AuditEvent
from tests.cast import Cast
from tests.runs.conftest import LATER, NOW, Runner, claimed, events, runner, started


def test_claim__a_run_that_waits__is_handed_out_once_with_a_token(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer)
    claim = claim_run(agent=scorer.known, now=NOW)
    assert claim is not None
    assert claim.run.pk == run.pk
    assert claim_run(agent=scorer.known, now=NOW) is None
    assert RunLease.objects.get().token_sha256 != claim.token
    assert claim.token not in repr(claim)
    assert events(run) == ["started", "claimed"]


def test_claim__a_run_of_another_agent__is_not_handed_out(cast: Cast, scorer: Runner) -> None:
    started(cast, runner(cast, "other"))
    assert claim_run(agent=scorer.known, now=NOW) is None


def test_complete__output_that_keeps_the_schema__ends_the_run_and_may_be_sent_twice(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer)
    token = claimed(scorer, NOW)
    for _ in range(2):
        done = complete_run(agent=scorer.known, run_id=run.pk, token=token, output={"score": 7}, now=NOW)
        assert (done.state, done.output) == (RunState.SUCCEEDED, {"score": 7})
    assert events(run) == ["started", "claimed", "completed"]
    with pytest.raises(LeaseLost):
        complete_run(agent=scorer.known, run_id=run.pk, token=token, output={"score": 8}, now=NOW)


def test_complete__output_that_breaks_the_schema__goes_back_once_and_then_to_a_person(
    cast: Cast, scorer: Runner
) -> None:
    run = started(cast, scorer)
    first = complete_run(agent=scorer.known, run_id=run.pk, token=claimed(scorer, NOW), output={"score": 11}, now=NOW)
    assert first.state == RunState.QUEUED
    assert first.reasons[0]["check"] == "output_schema"
    assert "score" in first.reasons[0]["place"]
    second = complete_run(agent=scorer.known, run_id=run.pk, token=claimed(scorer, NOW), output={"score": 12}, now=NOW)
    assert second.state == RunState.IN_REVIEW
    assert events(run) == ["started", "claimed", "sent_back", "claimed", "sent_to_review"]


def test_lease__not_heard_of_in_time__the_run_returns_and_the_old_token_is_refused(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer)
    old = claimed(scorer, NOW)
    with pytest.raises(LeaseLost):
        report_step(agent=scorer.known, run_id=run.pk, token=old, report=_report("a"), now=LATER)
    assert take_back_expired(now=LATER) == 1
    assert take_back_expired(now=LATER) == 0
    run.refresh_from_db()
    assert run.state == RunState.QUEUED
    new = claimed(scorer, run.not_before)
    for token in (old, "x" * 43, "", "\x00", new + "x"):
        with pytest.raises(LeaseLost):
            complete_run(agent=scorer.known, run_id=run.pk, token=token, output={"score": 1}, now=run.not_before)
    complete_run(agent=scorer.known, run_id=run.pk, token=new, output={"score": 1}, now=run.not_before)
    assert events(run) == ["started", "claimed", "returned", "claimed", "completed"]


def test_heartbeat__in_time__keeps_the_lease(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer)
    token = claimed(scorer, NOW)
    heartbeat(agent=scorer.known, run_id=run.pk, token=token, now=NOW + timedelta(seconds=50))
    assert take_back_expired(now=LATER) == 0
    complete_run(agent=scorer.known, run_id=run.pk, token=token, output={"score": 1}, now=LATER)


def test_step__reported_twice__is_recorded_once_and_its_use_is_counted_once(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer)
    token = claimed(scorer, NOW)
    for expected in (True, False):
        _, new = report_step(agent=scorer.known, run_id=run.pk, token=token, report=_report("a"), now=NOW)
        assert new is expected
    run.refresh_from_db()
    assert (run.input_tokens, run.output_tokens, run.cost) == (10, 5, Decimal("0.25"))
    assert RunStep.objects.count() == 1
    with pytest.raises(EffectKnown):
        report_step(agent=scorer.known, run_id=run.pk, token=token, report=_report("a", output="else"), now=NOW)


def test_step__started_and_then_done__is_one_step(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer)
    token = claimed(scorer, NOW)
    begin = StepReport(key="mail", operation="execute_tool", name="send_mail", state="started", input={"to": "x"})
    report_step(agent=scorer.known, run_id=run.pk, token=token, report=begin, now=NOW)
    end = StepReport(key="mail", operation="execute_tool", name="send_mail", output={"sent": True})
    step, _ = report_step(agent=scorer.known, run_id=run.pk, token=token, report=end, now=LATER - timedelta(seconds=5))
    assert (step.state, step.input, step.output) == ("done", {"to": "x"}, {"sent": True})
    other = StepReport(key="mail", operation="execute_tool", name="send_fax")
    with pytest.raises(EffectKnown):
        report_step(agent=scorer.known, run_id=run.pk, token=token, report=other, now=NOW)


def test_step__run_resumed_by_another_lease__finds_what_was_done(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer)
    report_step(agent=scorer.known, run_id=run.pk, token=claimed(scorer, NOW), report=_report("a"), now=NOW)
    take_back_expired(now=LATER)
    run.refresh_from_db()
    claim = claim_run(agent=scorer.known, now=run.not_before)
    assert claim is not None
    assert [step.key for step in claim.run.steps.all()] == ["a"]
    _, new = report_step(agent=scorer.known, run_id=run.pk, token=claim.token, report=_report("a"), now=run.not_before)
    assert new is False


def test_budget__of_the_run_spent__stops_it_and_a_person_is_asked(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer, token_budget=20)
    token = claimed(scorer, NOW)
    report_step(agent=scorer.known, run_id=run.pk, token=token, report=_report("a"), now=NOW)
    report_step(agent=scorer.known, run_id=run.pk, token=token, report=_report("b"), now=NOW)
    run.refresh_from_db()
    assert run.state == RunState.WAITS_FOR_PERSON
    assert "30 tokens of 20" in run.reasons[-1]["detail"]
    with pytest.raises(LeaseLost):
        report_step(agent=scorer.known, run_id=run.pk, token=token, report=_report("c"), now=NOW)


def test_budget__of_the_agent__counts_all_its_runs_of_the_month(cast: Cast, scorer: Runner) -> None:
    Budget.objects.create(agent=scorer.agent, cost=Decimal("0.40"))
    first, second = started(cast, scorer), started(cast, scorer)
    for expected in (RunState.RUNNING, RunState.WAITS_FOR_PERSON):
        claim = claim_run(agent=scorer.known, now=NOW)
        assert claim is not None
        report_step(agent=scorer.known, run_id=claim.run.pk, token=claim.token, report=_report("a"), now=NOW)
        assert Run.objects.get(pk=claim.run.pk).state == expected
    assert {first.pk, second.pk} == set(Run.objects.values_list("pk", flat=True))


def test_fail__again_and_again__falls_back_down_the_route_and_ends_at_a_person(cast: Cast, scorer: Runner) -> None:
    other = runner(cast, "other")
    fallback = {"agent": "other", "contract": "other-contract"}
    run = started(cast, scorer, fallbacks=[fallback], most_attempts=2)
    moment = NOW
    for expected in ("scorer", "other", "other", "other"):
        by = scorer if expected == "scorer" and moment == NOW else None
        run.refresh_from_db()
        moment = run.not_before
        by = scorer if run.agent_id == scorer.agent.pk else other
        fail_run(
            agent=by.known,
            run_id=run.pk,
            token=claimed(by, moment),
            cause="model_down",
            detail="The endpoint answered 503.",
            retryable=True,
            now=moment,
        )
    run.refresh_from_db()
    assert run.state == RunState.WAITS_FOR_PERSON
    assert events(run).count("fell_back") == 1
    assert events(run)[-1] == "escalated"


def test_fail__not_retryable__is_not_tried_again_by_the_same_agent(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer)
    fail_run(
        agent=scorer.known,
        run_id=run.pk,
        token=claimed(scorer, NOW),
        cause="unreadable",
        detail="The PDF is encrypted.",
        retryable=False,
        now=NOW,
    )
    run.refresh_from_db()
    assert run.state == RunState.WAITS_FOR_PERSON


def test_fallback__agent_suspended_meanwhile__is_passed_over(cast: Cast, scorer: Runner) -> None:
    other = runner(cast, "other")
    run = started(cast, scorer, fallbacks=[{"agent": "other", "contract": "other-contract"}])
    set_state(actor=cast.admin, agent=other.agent, state="suspended", reason="It lied", now=NOW)
    fail_run(
        agent=scorer.known, run_id=run.pk, token=claimed(scorer, NOW), cause="x", detail="y", retryable=False, now=NOW
    )
    run.refresh_from_db()
    assert run.state == RunState.WAITS_FOR_PERSON


def test_hand_off__to_an_agent_with_the_contract__keeps_the_snapshot_and_passes_the_payload(
    cast: Cast, scorer: Runner
) -> None:
    other = runner(cast, "other")
    run = started(cast, scorer)
    handed = hand_off(
        agent=scorer.known,
        run_id=run.pk,
        token=claimed(scorer, NOW),
        to="other",
        contract="other-contract",
        reason="Clauses are extracted",
        payload={"clauses": 3},
        now=NOW,
    )
    claim = claim_run(agent=other.known, now=NOW)
    assert claim is not None
    assert claim.run.snapshot_at == run.snapshot_at
    assert (handed.from_agent, handed.payload) == (scorer.agent, {"clauses": 3})


def test_hand_off__to_a_suspended_agent_or_one_without_the_contract__reads_the_same(cast: Cast, scorer: Runner) -> None:
    other = runner(cast, "other")
    set_state(actor=cast.admin, agent=other.agent, state="suspended", reason="It lied", now=NOW)
    run = started(cast, scorer)
    token = claimed(scorer, NOW)
    said = set()
    for to, contract in (("other", "other-contract"), ("nobody", "other-contract"), ("scorer", "scorer-contract")):
        with pytest.raises(NotFound) as refused:
            hand_off(
                agent=scorer.known,
                run_id=run.pk,
                token=token,
                to=to,
                contract=contract,
                reason="",
                payload=None,
                now=NOW,
            )
        said.add(str(refused.value))
    assert len(said) == 1


def test_cancel__by_its_requester__ends_it_and_by_an_outsider_it_does_not_exist(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer)
    token = claimed(scorer, NOW)
    with pytest.raises(NotFound):
        cancel_run(actor=principal_for(cast.outsider), run_id=run.pk, reason="no", now=NOW)
    with pytest.raises(NotPermitted):
        cancel_run(actor=principal_for(cast.auditor), run_id=run.pk, reason="no", now=NOW)
    assert AuditEvent.objects.filter(action="agents.run.cancel.denied").count() == 1
    cancel_run(actor=principal_for(cast.owner), run_id=run.pk, reason="Not needed", now=NOW)
    with pytest.raises(LeaseLost):
        complete_run(agent=scorer.known, run_id=run.pk, token=token, output={"score": 1}, now=NOW)
    with pytest.raises(RunHasEnded):
        cancel_run(actor=principal_for(cast.owner), run_id=run.pk, reason="Again", now=NOW)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agents_run SET state = 'queued', ended_at = NULL",
        "UPDATE agents_run SET output = '1'",
        "UPDATE agents_runlease SET ended_at = NULL, ending = ''",
        "UPDATE agents_runstep SET output = '1'",
        "DELETE FROM agents_runstep",
        "DELETE FROM agents_run",
        "TRUNCATE agents_run CASCADE",
    ],
)
def test_database__what_has_ended__is_not_rewritten_by_plain_sql(cast: Cast, scorer: Runner, statement: str) -> None:
    run = started(cast, scorer)
    token = claimed(scorer, NOW)
    report_step(agent=scorer.known, run_id=run.pk, token=token, report=_report("a"), now=NOW)
    complete_run(agent=scorer.known, run_id=run.pk, token=token, output={"score": 1}, now=NOW)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"task_type": ""}, "task_type"),
        ({"task_type": "x" * 61}, "task_type"),
        ({"task": "x" * 300_000}, "task"),
        ({"task": {"a": "\x00"}}, "task.a"),
        ({"most_attempts": 0}, "most_attempts"),
        ({"token_budget": 0}, "token_budget"),
        ({"cost_budget": Decimal("-1")}, "cost_budget"),
        ({"due_at": NOW - timedelta(days=1)}, "due_at"),
    ],
)
def test_start__what_cannot_be_done__names_the_field(
    cast: Cast, scorer: Runner, order: dict[str, Any], field: str
) -> None:
    given = {"task_type": "score", "task": {}, **order}
    with pytest.raises(InvalidInput) as refused:
        open_run(
            actor=principal_for(cast.owner),
            order=RunOrder(**given),
            assignment=Assignment(agent=scorer.agent, contract_version=scorer.terms),
            now=NOW,
        )
    assert refused.value.field == field
    assert not Run.objects.exists()


def test_wait_before__grows_with_a_spread_and_ends_at_its_limit(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer)
    waits = [wait_before(run=run, attempt=attempt).total_seconds() for attempt in range(1, 30)]
    assert waits == [wait_before(run=run, attempt=attempt).total_seconds() for attempt in range(1, 30)]
    assert all(1.5 * 2**i <= wait < 2.5 * 2**i for i, wait in enumerate(waits[:6]))
    assert max(waits) < LONGEST_WAIT.total_seconds() * 1.25


def _report(key: str, output: Any = "fine") -> StepReport:
    return StepReport(
        key=key,
        operation="chat",
        name="ask",
        input="?",
        output=output,
        model="stub-1",
        input_tokens=10,
        output_tokens=5,
        cost=Decimal("0.25"),
    )
