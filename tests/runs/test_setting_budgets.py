"""Budgets are set by who answers for the agent or the domain, told to the ledger, and bite at once."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Budget, RunState
from agents.runs.setting_budgets import BudgetTerms, end_budget, revision_of, set_budget, visible_budgets
from agents.runs.steps import StepReport, report_step
from context.access import SYSTEM, principal_for
from context.errors import InvalidInput, NotPermitted, PreconditionFailed
from governance.models import AuditEvent
from governance.personal_tokens import issue_token
from tests.cast import Cast
from tests.runs.conftest import NOW, Runner, claimed, started

MONTH = BudgetTerms(period="month", tokens=100)


def events() -> list[tuple[str, str]]:
    found = AuditEvent.objects.filter(action__startswith="agents.budget").order_by("sequence")
    return [(event.action.removeprefix("agents.budget."), event.subject_id) for event in found]


def test_set__lowered_while_a_run_goes_on__stops_it_at_its_next_step(cast: Cast, scorer: Runner) -> None:
    set_budget(actor=cast.owner, of=scorer.agent, terms=MONTH, reason="First weeks", now=NOW)
    run = started(cast, scorer)
    token = claimed(scorer, NOW)

    def use(key: str) -> None:
        report = StepReport(key=key, operation="chat", name="ask", input_tokens=40)
        report_step(agent=scorer.known, run_id=run.pk, token=token, report=report, now=NOW)

    use("first")
    lower = BudgetTerms(period="month", tokens=50)
    assert set_budget(actor=cast.admin, of=scorer.agent, terms=lower, now=NOW).tokens == 50
    use("second")
    run.refresh_from_db()
    assert (run.state, run.reasons[-1]["cause"]) == (RunState.WAITS_FOR_PERSON, "budget_spent")
    assert set_budget(actor=cast.admin, of=scorer.agent, terms=lower, now=NOW).tokens == 50
    end_budget(actor=cast.owner, of=scorer.agent, period="month", reason="No need", now=NOW)
    assert events() == [("set", "scorer"), ("set", "scorer"), ("ended", "scorer")]


def test_set__on_what_was_changed_since_it_was_read__is_refused(cast: Cast, scorer: Runner) -> None:
    read = revision_of(set_budget(actor=cast.owner, of=scorer.agent, terms=MONTH, now=NOW))
    lower = BudgetTerms(period="month", tokens=50)
    set_budget(actor=cast.admin, of=scorer.agent, terms=lower, expected=read, now=NOW)
    with pytest.raises(PreconditionFailed):
        set_budget(actor=cast.owner, of=scorer.agent, terms=MONTH, expected=read, now=NOW)
    with pytest.raises(PreconditionFailed):
        end_budget(actor=cast.owner, of=scorer.agent, period="month", reason="No need", expected=read, now=NOW)
    assert Budget.objects.get().tokens == 50


@pytest.mark.parametrize("by", ["outsider", "author", "reviewer", "auditor"])
@pytest.mark.parametrize("what", ["agent", "domain"])
def test_set__by_who_does_not_answer_for_it__is_refused_and_recorded(
    cast: Cast, scorer: Runner, by: str, what: str
) -> None:
    of = scorer.agent if what == "agent" else cast.legal
    with pytest.raises(NotPermitted):
        set_budget(actor=getattr(cast, by), of=of, terms=MONTH, now=NOW)
    assert (events(), Budget.objects.exists()) == ([("set.denied", of.slug)], False)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (BudgetTerms(period="week", tokens=1), "period"),
        (BudgetTerms(period="day"), "tokens"),
        (BudgetTerms(period="day", tokens=0), "tokens"),
        (BudgetTerms(period="day", cost=Decimal(0)), "cost"),
        (BudgetTerms(period="day", cost=Decimal("NaN")), "cost"),
        (BudgetTerms(period="day", cost=Decimal("1e30")), "cost"),
        (BudgetTerms(period="day", cost=Decimal("0.0000001")), "cost"),
    ],
)
def test_set__what_cannot_be__names_the_field(cast: Cast, terms: BudgetTerms, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        set_budget(actor=cast.owner, of=cast.legal, terms=terms, now=NOW)
    assert refusal.value.field == field


def test_api__domains_budget__is_set_once_read_and_ended_by_its_etag(cast: Cast) -> None:
    token = issue_token(user=cast.owner, name="t", actor=SYSTEM, now=timezone.now()).text
    client, at = Client(raise_request_exception=False), "/api/v1/budgets/domains/legal/day/"

    def ask(method: str, body: Any = None, **headers: str) -> Any:
        sent = json.dumps(body) if body is not None else ""
        return client.generic(
            method, at, sent, content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {token}", **headers
        )

    assert ask("GET").status_code == 404
    made = ask("PUT", {"tokens": 500, "cost": "2.50", "reason": "First weeks"})
    assert (made.status_code, made.json()["cost"], made.json()["used_tokens"]) == (200, "2.500000", 0)
    assert ask("PUT", {"tokens": 600}).status_code == 428
    assert ask("PUT", {"tokens": 600}, HTTP_IF_MATCH=made["ETag"]).status_code == 200
    assert ask("PUT", {"tokens": 700}, HTTP_IF_MATCH=made["ETag"]).status_code == 412
    assert ask("DELETE", HTTP_IF_MATCH=made["ETag"]).status_code == 412
    assert ask("DELETE", HTTP_IF_MATCH=ask("GET")["ETag"]).status_code == 204
    assert events() == [("set", "legal"), ("set", "legal"), ("ended", "legal")]


def test_pages__budgets__are_seen_by_who_may_and_set_there(cast: Cast, scorer: Runner, client: Client) -> None:
    client.force_login(cast.owner)
    form = {"of": "agent:scorer", "period": "month", "tokens": "100", "cost": "3", "reason": "First weeks"}
    client.post("/budgets/set/", form)
    assert "Something left" in client.get("/budgets/").content.decode()
    assert "Something left" in client.get("/agents/scorer/").content.decode()
    assert list(visible_budgets(principal_for(cast.outsider))) == []
    client.force_login(cast.outsider)
    assert client.post("/budgets/set/", form).status_code == 404
    assert "You know of no budget" in client.get("/budgets/").content.decode()
    client.force_login(cast.owner)
    client.post("/budgets/set/", {**form, "do": "end"})
    assert not Budget.objects.exists()
