"""People decide: on the exact output they read, and only those who answer for it."""

from __future__ import annotations

from typing import Any

import pytest

from agents.contract_shapes import OUTPUT_CHECK_TYPES
from agents.models import Run, RunReview, RunState
from agents.output_checks.judging import CHECKS
from agents.runs.finishing import complete_run, fail_run
from agents.runs.reviewing import OutputNotAccepted, RunDecision, awaiting, review_run
from context.access import principal_for
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted, PreconditionFailed
from context.models import RoleGrant, Sensitivity
from governance.models import AuditEvent
from tests.cast import Cast
from tests.runs.conftest import NOW, Runner, claimed, events, runner, started


@pytest.fixture
def seen(cast: Cast) -> Runner:
    """An agent of whose outputs a person sees each."""
    return runner(cast, output_checks=[{"type": "human_review"}])


def in_review(cast: Cast, by: Runner, output: Any = None) -> Run:
    run = started(cast, by)
    output = {"score": 4} if output is None else output
    return complete_run(agent=by.known, run_id=run.pk, token=claimed(by, NOW), output=output, now=NOW)


def decide(cast: Cast, run: Run, decision: str, *, by: str = "owner", **said: Any) -> Run:
    said.setdefault("digest", run.output_digest)
    return review_run(actor=getattr(cast, by), run_id=run.pk, said=RunDecision(decision=decision, **said), now=NOW)


def test_checks__every_declared_type__has_its_function() -> None:
    assert set(CHECKS) == set(OUTPUT_CHECK_TYPES)


def test_review__approved__run_succeeds_with_the_output_that_was_read(cast: Cast, seen: Runner) -> None:
    run = in_review(cast, seen)
    assert run.state == RunState.IN_REVIEW
    done = decide(cast, run, "approve")
    assert (done.state, done.output) == (RunState.SUCCEEDED, {"score": 4})
    assert events(run)[-2:] == ["sent_to_review", "review_approve"]
    with pytest.raises(Conflict):
        decide(cast, run, "approve")
    assert RunReview.objects.count() == 1


def test_review__of_another_output_than_the_present_one__is_refused(cast: Cast, seen: Runner) -> None:
    run = in_review(cast, seen)
    with pytest.raises(PreconditionFailed):
        decide(cast, run, "approve", digest="0" * 64)
    assert not RunReview.objects.exists()


def test_review__edited__persons_output_stands_if_it_keeps_the_schema(cast: Cast, seen: Runner) -> None:
    run = in_review(cast, seen)
    with pytest.raises(OutputNotAccepted) as refused:
        decide(cast, run, "edit", output={"score": 11})
    assert refused.value.field == "output/score"
    done = decide(cast, run, "edit", output={"score": 5})
    assert (done.state, done.output) == (RunState.SUCCEEDED, {"score": 5})
    assert RunReview.objects.get().edited_digest == done.output_digest


def test_review__rejected_or_sent_back__needs_a_reason_and_goes_there(cast: Cast, seen: Runner) -> None:
    run = in_review(cast, seen)
    for decision in ("reject", "send_back"):
        with pytest.raises(InvalidInput):
            decide(cast, run, decision)
    again = decide(cast, run, "send_back", comment="Look at clause 4.")
    assert again.state == RunState.QUEUED
    assert again.reasons[-1]["detail"] == "Look at clause 4."
    second = complete_run(agent=seen.known, run_id=run.pk, token=claimed(seen, NOW), output={"score": 1}, now=NOW)
    assert decide(cast, second, "reject", comment="No.").state == RunState.FAILED


def test_review__run_that_waits_for_a_person__is_given_to_another_agent(cast: Cast, seen: Runner) -> None:
    other = runner(cast, "other")
    run = started(cast, seen)
    fail_run(agent=seen.known, run_id=run.pk, token=claimed(seen, NOW), cause="x", detail="y", retryable=False, now=NOW)
    run.refresh_from_db()
    with pytest.raises(Conflict):
        decide(cast, run, "approve")
    with pytest.raises(NotFound):
        decide(cast, run, "reassign", agent="other", contract="scorer-contract")
    taken = decide(cast, run, "reassign", agent="other", contract="other-contract")
    assert (taken.state, taken.agent_id) == (RunState.QUEUED, other.agent.pk)
    assert claimed(other, NOW)


@pytest.mark.parametrize(("who", "error"), [("outsider", NotFound), ("author", NotFound), ("auditor", NotPermitted)])
def test_review__by_others__is_refused_and_what_they_may_see_leaves_an_event(
    cast: Cast, seen: Runner, who: str, error: type[Exception]
) -> None:
    run = in_review(cast, seen)
    with pytest.raises(error):
        decide(cast, run, "approve", by=who)
    assert AuditEvent.objects.filter(action="agents.run.review.denied").exists() == (error is NotPermitted)
    assert not awaiting(principal_for(getattr(cast, who))).exists()


def test_awaiting__owner_and_approver_of_the_domain__see_what_is_within_their_clearance(
    cast: Cast, seen: Runner
) -> None:
    run = in_review(cast, seen)
    assert list(awaiting(principal_for(cast.owner))) == [run]
    assert list(awaiting(principal_for(cast.admin))) == [run]
    Run.objects.filter(pk=run.pk).update(sensitivity=Sensitivity.RESTRICTED)
    assert list(awaiting(principal_for(cast.admin))) == []
    assert RoleGrant.objects.filter(user=cast.reviewer, role="approver").exists()
