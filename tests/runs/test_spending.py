"""Budgets count what is used on the day on which it is used, once, and a limit allows exactly as much as it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from agents.models import Budget, DailyUse, Run, RunState
from agents.routing.candidates import candidates_of
from agents.runs.budgets import used, used_by
from agents.runs.finishing import hand_off
from agents.runs.leases import claim_run
from agents.runs.steps import StepReport, report_step
from tests.cast import Cast
from tests.runs.conftest import NOW, Runner, claimed, runner, started

MONTHS_END = datetime(NOW.year + 1, 1, 31, 23, 59, tzinfo=UTC)


def use(by: Runner, run: Run, token: str, key: str, tokens: int, *, at: datetime = NOW, state: str = "done") -> str:
    """The state that the run is in afterwards."""
    report = StepReport(key=key, operation="chat", name="ask", input_tokens=tokens, cost=Decimal(tokens), state=state)
    report_step(agent=by.known, run_id=run.pk, token=token, report=report, now=at)
    run.refresh_from_db()
    return run.state


@pytest.mark.parametrize("of", ["agent", "domain"])
def test_spend__exactly_the_limit__is_allowed_and_then_nothing_more_is_begun(
    cast: Cast, scorer: Runner, of: str
) -> None:
    Budget.objects.create(tokens=100, **{of: scorer.agent if of == "agent" else cast.legal})
    first, second = (started(cast, scorer, domain=cast.legal) for _ in range(2))
    token = claimed(scorer, NOW)
    assert use(scorer, first, token, "a", 60) == RunState.RUNNING
    assert use(scorer, first, token, "b", 40) == RunState.RUNNING
    assert claim_run(agent=scorer.known, now=NOW) is None
    second.refresh_from_db()
    assert (second.state, second.reasons[-1]["cause"]) == (RunState.WAITS_FOR_PERSON, "budget_spent")
    assert use(scorer, first, token, "c", 1) == RunState.WAITS_FOR_PERSON


@pytest.mark.parametrize("bound", [{"token_budget": 50}, {"cost_budget": Decimal(50)}])
def test_spend__the_runs_own_limit_used_up__it_is_not_begun_again(
    cast: Cast, scorer: Runner, bound: dict[str, int]
) -> None:
    run = started(cast, scorer, **bound)
    assert use(scorer, run, claimed(scorer, NOW), "a", 50) == RunState.RUNNING
    assert claim_run(agent=scorer.known, now=NOW + timedelta(minutes=2)) is None
    run.refresh_from_db()
    for minute in range(3, 60):
        claim_run(agent=scorer.known, now=NOW + timedelta(minutes=minute))
    run.refresh_from_db()
    assert (run.state, run.reasons[-1]["cause"]) == (RunState.WAITS_FOR_PERSON, "budget_spent")


def test_spend__run_of_last_month_goes_on__counts_when_it_is_used(cast: Cast, scorer: Runner) -> None:
    month = Budget.objects.create(agent=scorer.agent, tokens=100)
    day = Budget.objects.create(domain=cast.legal, period="day", cost=Decimal(100))
    run = started(cast, scorer, domain=cast.legal)
    claim = claim_run(agent=scorer.known, lease_seconds=3_600, now=MONTHS_END)
    assert claim is not None
    use(scorer, run, claim.token, "a", 30, at=MONTHS_END)
    after = MONTHS_END + timedelta(minutes=2)
    use(scorer, run, claim.token, "b", 70, at=after)
    assert used_by(budgets=[month, day], now=MONTHS_END) == {month.pk: (100, Decimal(100)), day.pk: (100, Decimal(100))}
    assert used(budget=month, now=after) == (70, Decimal(70))
    assert used(budget=day, now=after) == (70, Decimal(70))


def test_spend__step_told_as_begun_and_as_done__is_counted_once(cast: Cast, scorer: Runner) -> None:
    run = started(cast, scorer)
    token = claimed(scorer, NOW)
    use(scorer, run, token, "a", 20, state="started")
    use(scorer, run, token, "a", 30)
    use(scorer, run, token, "a", 30)
    use(scorer, run, token, "b", 5, state="started")
    use(scorer, run, token, "b", 0)
    assert (run.input_tokens, run.cost) == (35, 35)
    assert [(each.tokens, each.cost) for each in DailyUse.objects.filter(agent=scorer.agent)] == [(35, 35)]


def test_spend__run_handed_on__counts_with_who_used_it_and_routes_see_what_is_left(cast: Cast, scorer: Runner) -> None:
    other = runner(cast, "other")
    for agent in (scorer.agent, other.agent):
        Budget.objects.create(agent=agent, cost=Decimal(100), period="day")
    run = started(cast, scorer)
    token = claimed(scorer, NOW)
    use(scorer, run, token, "a", 30)
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
    use(other, run, claimed(other, NOW), "b", 5)
    known = candidates_of(["scorer", "other"], load=True, budget=True)
    assert {slug: each.values["agent.budget_left"] for slug, each in known.items()} == {"scorer": 70, "other": 95}
