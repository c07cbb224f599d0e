"""What is handed on is what the next agent works on, is served for and is judged by."""

from __future__ import annotations

from typing import Any

import pytest

from agents.models import HandOff, Run, RunState
from agents.runs.contexts import give_bundle
from agents.runs.finishing import complete_run, hand_off
from agents.runs.present_task import present_task
from context.errors import InvalidInput
from tests.cast import Cast, creation, publish
from tests.runs.conftest import NOW, Runner, claimed, runner, started

FOUND = {"type": "object", "required": ["clauses"], "properties": {"clauses": {"type": "array"}}}
CITED = [{"type": "citations_required"}]
SAYS = "77 days are within [legal/cap@1]."


@pytest.fixture
def taker(cast: Cast) -> Runner:
    """An agent whose contract takes clauses, where the run's own task is another thing."""
    publish(cast, creation("legal/cap"))
    required = [{"key": "legal/cap"}]
    return runner(cast, "other", required, task_schema=FOUND, output_schema=None, output_checks=CITED)


def hand(by: Runner, run: Run, payload: Any) -> HandOff:
    return hand_off(
        agent=by.known, run_id=run.pk, token=claimed(by, NOW), to="other", contract="other-contract",
        reason="They are found", payload=payload, now=NOW,
    )  # fmt: skip


def test_hand_off__payload__is_what_the_next_agent_is_served_for_and_judged_by(
    cast: Cast, scorer: Runner, taker: Runner
) -> None:
    run = started(cast, scorer)
    payload = {"clauses": ["A notice of 77 days."]}
    hand(scorer, run, payload)
    run.refresh_from_db()
    assert (present_task(run), run.task) == (payload, {"clause": "We pay in 90 days."})
    assert run.attempt == 0  # what the first agent tried is not counted against the next
    token = claimed(taker, NOW)
    give_bundle(agent=taker.known, run_id=run.pk, token=token, now=NOW)  # whose contract would refuse the run's task
    done = complete_run(agent=taker.known, run_id=run.pk, token=token, output={"says": SAYS}, now=NOW)
    assert done.state == RunState.SUCCEEDED  # a figure of the payload is borne out by the task


@pytest.mark.parametrize("payload", [{"clauses": "none"}, {"other": 1}, None])
def test_hand_off__what_the_takers_contract_does_not_take__is_refused_and_the_run_stays(
    cast: Cast, scorer: Runner, taker: Runner, payload: Any
) -> None:
    run = started(cast, scorer)
    with pytest.raises(InvalidInput) as refusal:
        hand(scorer, run, payload)
    assert (refusal.value.field or "").startswith("payload")
    run.refresh_from_db()
    assert (run.state, run.agent) == (RunState.RUNNING, scorer.agent)
