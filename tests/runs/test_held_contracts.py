"""Nobody is given work under a contract that was retired: not by a route, a fallback, a hand-off or a reviewer."""

from __future__ import annotations

import pytest
from django.utils import timezone

from agents.models import RunState
from agents.runs.finishing import complete_run, fail_run, hand_off
from agents.runs.reviewing import RunDecision, review_run
from agents.runs.starting import assignment_of
from context.errors import NotFound
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.publishing import publish_change
from governance.reviews import review_change
from tests.cast import Cast
from tests.runs.conftest import NOW, Runner, claimed, runner, started

OTHER = {"agent": "other", "contract": "other-contract"}


@pytest.fixture
def retired(cast: Cast) -> Runner:
    """A sanctioned agent whose one contract was retired after it got it."""
    found = runner(cast, "other")
    now = timezone.now()
    edit = EditInput(operation="retire", record="contract", key="other-contract")
    change = create_change(actor=cast.admin, title="Not any more", reason="It is over", edits=[edit], now=now)
    digest = submit_change(actor=cast.admin, change_id=change.pk, now=now).digest
    review_change(actor=cast.reviewer, change_id=change.pk, decision="approve", digest=digest, now=now)
    publish_change(actor=cast.admin, change_id=change.pk, now=now)
    return found


def test_route__its_contract_was_retired_meanwhile__run_waits_for_a_person(cast: Cast, retired: Runner) -> None:
    found = assignment_of({"kind": "agent", **OTHER, "fallbacks": []})
    assert (found.state, found.agent) == (RunState.WAITS_FOR_PERSON, None)


def test_fallback__its_contract_was_retired_meanwhile__is_passed_over(
    cast: Cast, scorer: Runner, retired: Runner
) -> None:
    run = started(cast, scorer, fallbacks=[OTHER])
    token = claimed(scorer, NOW)
    fail_run(agent=scorer.known, run_id=run.pk, token=token, cause="x", detail="y", retryable=False, now=NOW)
    run.refresh_from_db()
    assert (run.state, run.agent) == (RunState.WAITS_FOR_PERSON, scorer.agent)


def test_hand_off__under_a_retired_contract__is_refused_and_the_run_stays(
    cast: Cast, scorer: Runner, retired: Runner
) -> None:
    run = started(cast, scorer)
    token = claimed(scorer, NOW)
    with pytest.raises(NotFound):
        hand_off(
            agent=scorer.known,
            run_id=run.pk,
            token=token,
            to="other",
            contract="other-contract",
            reason="",
            payload=None,
            now=NOW,
        )
    run.refresh_from_db()
    assert (run.state, run.agent) == (RunState.RUNNING, scorer.agent)


def test_reassign__under_a_retired_contract__is_refused_and_the_run_still_waits(cast: Cast, retired: Runner) -> None:
    by = runner(cast, output_checks=[{"type": "human_review"}])
    run = started(cast, by)
    run = complete_run(agent=by.known, run_id=run.pk, token=claimed(by, NOW), output={"score": 4}, now=NOW)
    said = RunDecision(decision="reassign", digest=run.output_digest, **OTHER)
    with pytest.raises(NotFound):
        review_run(actor=cast.owner, run_id=run.pk, said=said, now=NOW)
    run.refresh_from_db()
    assert (run.state, run.agent) == (RunState.IN_REVIEW, by.agent)
