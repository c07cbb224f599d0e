"""Gaps are put to people once, and counted by how much they hurt; what is hidden leaves no trace in either."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.gap_report import assign_gap, gap_report
from agents.models import Refusal
from context.access import principal_for
from context.errors import NotFound, NotPermitted
from governance.drift.findings import dismiss_finding, resolve_finding
from governance.inbox import inbox_for
from governance.models import AuditEvent, Finding
from tests.agents.conftest import Presented, contract, give
from tests.cast import Cast, creation, publish

NOW = timezone.now()


def refused(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 409, answer.content
    told: dict[str, Any] = json.loads(answer.content)
    return told


@pytest.fixture
def stale(cast: Cast) -> Presented:
    """An agent whose contract asks a person when its one text, the owner's, is too old."""
    long_ago = timezone.now() - timedelta(days=90)
    publish(cast, creation("legal/cap", owner="reviewer"), now=long_ago)
    held = contract(
        cast,
        [{"key": "legal/cap", "max_age_days": 30}],
        when_incomplete="escalate",
        escalation_days=3,
    )
    return give(cast, held)


def test_escalate__refused_many_times__is_one_entry_in_the_inbox_of_who_answers(cast: Cast, stale: Presented) -> None:
    told = [refused(stale.post({"contract": "review"})) for _ in range(3)]
    assert Finding.objects.count() == 1
    (escalated,) = told[0]["escalated"]
    assert (escalated["requirement"], escalated["code"], escalated["to"]) == ("legal/cap", "stale", "Rui Reviewer")
    assert told[1]["escalated"] == told[2]["escalated"] == told[0]["escalated"]
    due = datetime.fromisoformat(escalated["due_at"])
    assert timedelta(days=2, hours=23) < due - timezone.now() <= timedelta(days=3)
    entries = [each for each in inbox_for(principal=principal_for(cast.reviewer), now=NOW) if each.kind == "finding"]
    assert len(entries) == 1
    assert "legal/cap" in entries[0].title + entries[0].why
    assert AuditEvent.objects.filter(action__startswith="governance.finding").count() == 1


def test_escalate__settled_and_still_missing__is_put_again_unless_it_was_dismissed(
    cast: Cast, stale: Presented
) -> None:
    stale.post({"contract": "review"})
    finding = Finding.objects.get()
    owner = principal_for(cast.owner)
    resolve_finding(actor=owner, finding_id=finding.pk, reason="Done", now=timezone.now())
    assert refused(stale.post({"contract": "review"}))["escalated"]
    dismiss_finding(actor=owner, finding_id=finding.pk, reason="Known", now=timezone.now())
    assert refused(stale.post({"contract": "review"}))["escalated"] == []


def test_escalate__question_about_the_past__asks_nobody(stale: Presented) -> None:
    soon = timezone.now().isoformat()
    assert "escalated" not in refused(stale.post({"contract": "review", "as_of": soon}))
    assert not Finding.objects.exists()


@pytest.mark.parametrize("hidden", [{"sensitivity": "confidential"}, {"audiences": ["counsel"]}])
def test_escalate__hidden_text__goes_to_the_contracts_owner_like_one_that_is_not_there(
    cast: Cast, hidden: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (cast.author, cast.reviewer, cast.admin):
        person.groups.add(cast.counsel)
    monkeypatch.setattr("agents.contract_record.check_terms", lambda **_: None)
    held = contract(cast, [{"key": "legal/secret"}], when_incomplete="escalate")
    agent = give(cast, held)
    nowhere = refused(agent.post({"contract": "review"}, HTTP_X_REQUEST_ID="same"))
    publish(cast, creation("legal/secret", owner="reviewer", **hidden))
    there = refused(agent.post({"contract": "review"}, HTTP_X_REQUEST_ID="same"))
    assert there == nowhere
    assert there["escalated"][0]["to"] == "Olga Owner"
    assert Finding.objects.count() == 1


def felt(agent: Presented, days_ago: float, *gaps: dict[str, Any], as_of: datetime | None = None) -> None:
    version = agent.agent.contracts.get().current_version
    assert version is not None
    Refusal.objects.create(
        agent=agent.agent,
        key_prefix="k",
        contract_version=version,
        gaps=[{"fix": "Write it.", "owner": None, "required": True, **gap} for gap in gaps],
        refused_at=NOW - timedelta(days=days_ago),
        as_of=as_of,
    )


OLD, NEW, WIDE = (
    {"requirement": "old", "code": "stale"},
    {"requirement": "new", "code": "missing"},
    {"requirement": "wide", "code": "missing"},
)


@pytest.fixture
def two(cast: Cast) -> tuple[Presented, Presented]:
    held = contract(cast, [])
    return give(cast, held), give(cast, held, slug="other")


def test_report__order__is_by_times_recency_and_agents(cast: Cast, two: tuple[Presented, Presented]) -> None:
    first, second = two
    for days_ago in (1, 1, 1):
        felt(first, days_ago, NEW)
    for days_ago in (15, 15, 15, 15):
        felt(first, days_ago, OLD)
    felt(first, 1, WIDE)
    felt(second, 1, WIDE)
    felt(first, 1, OLD, as_of=NOW)
    report = gap_report(principal=principal_for(cast.owner), days=30, now=NOW)
    assert [(gap.requirement, gap.times, len(gap.agents)) for gap in report.gaps] == [
        ("wide", 2, 2),
        ("new", 3, 1),
        ("old", 4, 1),
    ]
    day, two_weeks = 0.5 ** (1 / 14), 0.5 ** (15 / 14)
    assert [gap.hurt for gap in report.gaps] == pytest.approx([4 * day, 3 * day, 4 * two_weeks], abs=0.01)
    assert sum(report.by_day) == 9
    assert report.gaps[1].by_day[-2:] == (3, 0)


def test_report__agents_one_may_not_know_of__are_not_counted(cast: Cast, two: tuple[Presented, Presented]) -> None:
    felt(two[0], 1, NEW)
    assert gap_report(principal=principal_for(cast.outsider), days=30, now=NOW).gaps == ()
    assert len(gap_report(principal=principal_for(cast.auditor), days=30, now=NOW).gaps) == 1


def test_assign__gap__becomes_one_task_of_that_person(cast: Cast, two: tuple[Presented, Presented]) -> None:
    felt(two[0], 1, NEW)
    made = [
        assign_gap(actor=cast.owner, requirement="new", code="missing", to=cast.author, note="Write it", now=NOW)
        for _ in range(2)
    ]
    assert made[0].pk == made[1].pk
    assert made[0].owner == cast.author
    assert [each.kind for each in inbox_for(principal=principal_for(cast.author), now=NOW)] == ["finding"]
    (gap,) = gap_report(principal=principal_for(cast.owner), days=30, now=NOW).gaps
    assert gap.finding == made[0]
    with pytest.raises(NotFound):
        assign_gap(actor=cast.outsider, requirement="new", code="missing", to=cast.author, note="", now=NOW)
    with pytest.raises(NotPermitted):
        assign_gap(actor=cast.auditor, requirement="new", code="missing", to=cast.author, note="", now=NOW)


def test_page__gaps__say_what_hurt_and_leave_as_csv_without_formulas(
    client: Client, cast: Cast, two: tuple[Presented, Presented]
) -> None:
    felt(two[0], 1, {"requirement": "=cmd()", "code": "missing"})
    client.force_login(cast.owner)
    answer = client.get("/gaps/")
    assert b"=cmd()" in answer.content
    sheet = client.get("/gaps/", {"format": "csv"})
    assert sheet["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(StringIO(sheet.content.decode())))
    assert rows[1][:2] == ["'=cmd()", "missing"]
