"""Runs that nobody would take are not left to wait unseen, and none goes round for ever."""

from __future__ import annotations

import pytest
from django.utils import timezone

from agents.models import Budget, RunState
from agents.registry import set_state
from agents.runs import finishing
from agents.runs.finishing import HandedOffTooOften, hand_off
from agents.runs.going_around import go_around
from agents.runs.leases import claim_run
from agents.runs.steps import StepReport, report_step
from tests.cast import Cast
from tests.runs.conftest import NOW, Runner, claimed, events, runner, started


def test_claim__budget_spent_by_other_runs__goes_to_a_person_and_not_to_the_agent(cast: Cast, scorer: Runner) -> None:
    first, second = started(cast, scorer), started(cast, scorer)
    Budget.objects.create(agent=scorer.agent, tokens=50)
    used = StepReport(key="ask", operation="chat", name="ask", input_tokens=90)
    report_step(agent=scorer.known, run_id=first.pk, token=claimed(scorer, NOW), report=used, now=NOW)
    assert claim_run(agent=scorer.known, now=NOW) is None
    second.refresh_from_db()
    assert (second.state, second.reasons[-1]["cause"]) == (RunState.WAITS_FOR_PERSON, "budget_spent")
    assert events(second)[-1] == "escalated"
    assert second.leases.count() == 0


def test_go_around__agent_suspended__its_waiting_runs_go_to_the_fallback_or_a_person(
    cast: Cast, scorer: Runner
) -> None:
    other = runner(cast, "other")
    falls_back = started(cast, scorer, fallbacks=[{"agent": "other", "contract": "other-contract"}])
    alone = started(cast, scorer)
    assert go_around(now=NOW) == 0
    set_state(actor=cast.admin, agent=scorer.agent, state="suspended", reason="It lied", now=timezone.now())
    assert (go_around(now=NOW), go_around(now=NOW)) == (2, 0)
    for run in (falls_back, alone):
        run.refresh_from_db()
    assert (falls_back.state, falls_back.agent_id) == (RunState.QUEUED, other.agent.pk)
    assert (alone.state, alone.reasons[-1]["cause"]) == (RunState.WAITS_FOR_PERSON, "agent_suspended")


def test_hand_off__to_and_fro__ends(cast: Cast, scorer: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finishing, "MOST_HAND_OFFS", 2)
    other, run = runner(cast, "other"), started(cast, scorer)

    def pass_on(by: Runner, to: Runner) -> None:
        slug = to.agent.slug
        hand_off(
            agent=by.known, run_id=run.pk, token=claimed(by, NOW), to=slug, contract=f"{slug}-contract",
            reason="Yours", payload=None, now=NOW,
        )  # fmt: skip

    pass_on(scorer, other)
    pass_on(other, scorer)
    with pytest.raises(HandedOffTooOften, match="2 times"):
        pass_on(scorer, other)
    run.refresh_from_db()
    assert (run.state, run.agent_id) == (RunState.RUNNING, scorer.agent.pk)
