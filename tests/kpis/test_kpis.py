"""Key figures: what is counted, by whom and when, that what is hidden counts for nothing, and how they are told."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.kpis.figures import Figures, class_of, quantile
from agents.kpis.measures import lasting, told
from agents.kpis.reporting import report
from agents.models import Bundle, Run, RunBundle, RunState
from agents.models.runs import time_ordered_uuid
from agents.runs.finishing import complete_run, fail_run, hand_off
from agents.runs.reviewing import RunDecision, review_run
from agents.runs.starting import Assignment, RunOrder, open_run
from context.access import principal_for
from context.digests import digest_of
from context.errors import InvalidInput, NotFound
from context.models import ContextVersion, Sensitivity
from tests.cast import Cast, creation, publish, revision
from tests.runs.conftest import NOW, Runner, claimed, runner, started

AT = datetime(2031, 5, 14, 12, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def scorer(cast: Cast) -> Runner:
    return runner(cast)


def ended(by: Runner, days_ago: int = 0, seconds: int = 60, at: datetime = AT, **row: Any) -> Run:
    """A run as it stands when it has ended."""
    at -= timedelta(days=days_ago)
    given = {
        "state": RunState.SUCCEEDED, "agent": by.agent, "contract_version": by.terms, "cost": Decimal("0.5"),
        "requested_by_kind": "agent", "requested_by_id": by.agent.pk, **row,
    }  # fmt: skip
    return Run.objects.create(
        id=time_ordered_uuid(), task_type="score", task={}, task_digest=digest_of({}), requested_by_label="Scorer",
        snapshot_at=at, not_before=at, created_at=at - timedelta(seconds=seconds), changed_at=at, ended_at=at, **given,
    )  # fmt: skip


def test_report__runs_of_some_days__are_counted_by_day_agent_domain_and_cause(cast: Cast, scorer: Runner) -> None:
    other = runner(cast, "other")
    for seconds in (60, 120, 600):
        ended(scorer, seconds=seconds, input_tokens=10, output_tokens=5)
    ended(scorer, 1, state=RunState.FAILED, times_to_person=2, reasons=[{"cause": "answered_503"}], times_sent_back=1)
    ended(other, 1, state=RunState.REFUSED, cost=0, reasons=[{"cause": "routing", "gaps": [{"code": "stale"}]}])
    ended(other, 40)
    found = report(principal=principal_for(cast.auditor), days=7, now=AT + timedelta(seconds=1))
    total = found.total
    assert (total.ended, total.succeeded, total.failed, total.refused) == (5, 3, 1, 1)
    assert (total.started, total.cost, total.tokens) == (5, Decimal("2.0"), 45)
    assert (total.cost_per_task, total.failure_share, total.refusal_share) == (0.5, 0.25, 0.2)
    assert (total.left_to_people, total.times_left_to_people, total.sent_back) == (1, 2, 1)
    assert total.median_seconds == pytest.approx(60, rel=0.03)
    assert total.ninth_decile_seconds == pytest.approx(600, rel=0.03)
    assert [figures.ended for figures in found.periods.values()] == [0, 0, 0, 0, 0, 2, 3]
    assert [(group.slug, group.figures.ended) for group in found.agents] == [("scorer", 4), ("other", 1)]
    assert [(group.slug, group.figures.ended) for group in found.domains] == [("legal", 5)]
    assert [(cause.state, cause.cause, cause.runs) for cause in found.causes] == [
        ("failed", "answered_503", 1),
        ("refused", "stale", 1),
    ]
    alone = report(principal=principal_for(cast.auditor), days=7, agent="other", now=AT + timedelta(seconds=1))
    assert (alone.total.ended, alone.total.median_seconds, alone.total.cost_per_task) == (1, None, None)


def test_report__by_week__begins_on_a_monday_and_leaves_no_week_out(cast: Cast, scorer: Runner) -> None:
    ended(scorer)
    ended(scorer, 37)
    found = report(principal=principal_for(cast.auditor), days=36, now=AT + timedelta(seconds=1))
    weeks = list(found.periods)
    assert found.by == "week"
    assert {day.weekday() for day in weeks} == {0}
    assert {(later - first).days for first, later in pairwise(weeks)} == {7}
    assert [figures.ended for figures in found.periods.values()] == [1, 0, 0, 0, 0, 1]


def test_report__what_one_may_not_know__counts_for_nothing_anywhere(cast: Cast, scorer: Runner) -> None:
    secret = runner(cast, "secret")
    ended(scorer, times_to_person=1)
    for state in (RunState.SUCCEEDED, RunState.FAILED):
        ended(
            secret, state=state, sensitivity=Sensitivity.RESTRICTED, times_to_person=1,
            reasons=[{"cause": "output_check", "check": "no_contradiction", "detail": "x", "if_failed": "reject"}],
        )  # fmt: skip
    now = AT + timedelta(seconds=1)
    nobody = report(principal=principal_for(cast.outsider), days=7, now=now)
    assert (nobody.total, nobody.agents, nobody.domains, nobody.causes, nobody.checks) == (Figures(), (), (), (), ())
    cleared = report(principal=principal_for(cast.admin), days=7, now=now)
    assert (cleared.total.ended, cleared.total.guardrail_hits) == (1, 0)
    assert [group.slug for group in cleared.agents] == ["scorer"]
    assert (cleared.causes, cleared.checks) == ((), ())
    with pytest.raises(NotFound):
        report(principal=principal_for(cast.outsider), days=7, agent="secret", now=now)


def test_report__guardrails__are_findings_of_checks_and_not_what_people_sent_back(cast: Cast, scorer: Runner) -> None:
    hit = {"cause": "output_check", "check": "forbidden_terms", "detail": "x", "if_failed": "reject"}
    ended(scorer, reasons=[hit, hit, {"cause": "output_check", "detail": "Again.", "by": "Mara"}])
    ended(scorer, reasons=[hit, {"cause": "paused"}])
    found = report(principal=principal_for(cast.auditor), days=7, now=AT + timedelta(seconds=1))
    assert found.total.guardrail_hits == 3
    assert [(check.check, check.hits, check.runs) for check in found.checks] == [("forbidden_terms", 3, 2)]


def test_report__share_on_current_context__is_of_runs_that_ended_before_any_of_their_texts(
    cast: Cast, scorer: Runner
) -> None:
    publish(cast, creation("legal/cap", body="The cap is twice the fees."))
    first = ContextVersion.objects.get(item__key="legal/cap")
    publish(cast, revision("legal/cap", body="The cap is the fees."))
    first.refresh_from_db()
    second = ContextVersion.objects.get(item__key="legal/cap", number=2)
    assert first.superseded_at is not None
    for place, (versions, shift) in enumerate([([first.pk], -1), ([first.pk, second.pk], 1), ([second.pk], 1)]):
        at = first.superseded_at + timedelta(minutes=shift)
        bundle = Bundle.objects.create(
            digest=sha256(bytes([place])).hexdigest(), body=bytes([place]),
            contract_version=scorer.terms, agent=scorer.agent, snapshot_at=at,
            sensitivity=1, version_ids=versions, created_at=at,
        )  # fmt: skip
        run = ended(scorer, at=at)
        RunBundle.objects.create(run=run, bundle=bundle, agent=scorer.agent, given_at=at)
    ended(scorer, at=first.superseded_at)
    found = report(principal=principal_for(cast.auditor), days=2, now=first.superseded_at + timedelta(hours=2))
    assert (found.total.with_context, found.total.on_current) == (3, 2)
    assert found.total.texts_published == 2
    assert found.total.rules_published >= 1


def test_report__real_runs__count_people_hand_offs_reviews_and_checks(cast: Cast, scorer: Runner) -> None:
    runner(cast, "other")
    run = started(cast, scorer, most_attempts=1)
    token = claimed(scorer, NOW)
    fail_run(
        agent=scorer.known, run_id=run.pk, token=token, cause="no_model", detail="No.", retryable=False, now=NOW,
    )  # fmt: skip
    run.refresh_from_db()
    assert (run.state, run.times_to_person) == (RunState.WAITS_FOR_PERSON, 1)
    waiting = report(principal=principal_for(cast.owner), days=7, now=NOW + timedelta(seconds=1)).waiting
    assert (waiting.runs, waiting.since) == (1, NOW)
    review_run(
        actor=cast.owner, run_id=run.pk, said=RunDecision(decision="reject", comment="No."),
        now=NOW + timedelta(hours=3),
    )  # fmt: skip
    handed = started(cast, scorer)
    token = claimed(scorer, NOW + timedelta(hours=3))
    hand_off(
        agent=scorer.known, run_id=handed.pk, token=token, to="other", contract="other-contract", reason="",
        payload=None, now=NOW + timedelta(hours=3, seconds=1),
    )  # fmt: skip
    checked = started(cast, scorer)
    for moment in (4, 5):
        token = claimed(scorer, NOW + timedelta(hours=moment))
        complete_run(
            agent=scorer.known, run_id=checked.pk, token=token, output={"score": 99},
            now=NOW + timedelta(hours=moment, seconds=1),
        )  # fmt: skip
    found = report(principal=principal_for(cast.owner), days=7, now=NOW + timedelta(hours=6))
    total = found.total
    assert (total.started, total.ended, total.failed) == (3, 1, 1)
    assert (total.hand_offs, total.reviews, total.review_hours) == (1, 1, pytest.approx(3))
    assert [(group.slug, group.figures.hand_offs) for group in found.agents if group.figures.hand_offs] == [
        ("scorer", 1)
    ]
    assert found.waiting.runs == 1
    checked.refresh_from_db()
    assert (checked.state, checked.times_to_person) == (RunState.IN_REVIEW, 1)


def test_report__run_that_begins_with_a_person__was_left_to_people(cast: Cast, scorer: Runner) -> None:
    run = open_run(
        actor=principal_for(cast.owner), order=RunOrder(task_type="score", task={}),
        assignment=Assignment(state=RunState.WAITS_FOR_PERSON), now=NOW,
    )  # fmt: skip
    assert run.times_to_person == 1


@pytest.mark.parametrize(("days", "by"), [(0, ""), (367, ""), (7, "hour")])
def test_report__asked_for_too_much__is_refused_with_the_field(cast: Cast, days: int, by: str) -> None:
    with pytest.raises(InvalidInput):
        report(principal=principal_for(cast.auditor), days=days, by=by, now=AT)


def test_quantile__of_many_times__is_right_to_three_per_cent() -> None:
    times = [1.07**place / 50 for place in range(200)]
    spans = Counter(class_of(seconds) for seconds in times)
    for share in (0.1, 0.5, 0.9):
        exact = sorted(times)[round(share * 200) - 1]
        assert quantile(spans, share) == pytest.approx(exact, rel=0.03)
    assert quantile({}, 0.5) is None


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(None, "share", "–"), (0.125, "share", "12.5 %"), (0.004, "money", "0.004"), (1234.5, "money", "1,234.50"),
     (0, "money", "0.00"), (12_000, "", "12,000"), (90, "seconds", "90 s"), (1.5, "hours", "90 min")],
)  # fmt: skip
def test_told__figures__read_as_people_write_them(value: Any, unit: str, words: str) -> None:
    assert told(value, unit) == words


def test_lasting__each_size__is_told_in_its_unit() -> None:
    assert [lasting(each) for each in (0.5, 45, 600, 7_200, 200_000)] == [
        "0.5 s", "45 s", "10 min", "2 hours", "2.3 days",
    ]  # fmt: skip


def test_page_sheet_and_api__of_the_same__say_the_same_and_the_sheet_holds_no_formula(
    cast: Cast, scorer: Runner, client: Client
) -> None:
    at = timezone.now() - timedelta(seconds=1)
    ended(scorer, at=at, state=RunState.FAILED, cost=Decimal("0.25"), reasons=[{"cause": "=cmd()"}])
    client.force_login(cast.owner)
    empty = client.get("/reports/", {"domain": "finance"})
    page = client.get("/reports/", {"days": "7"})
    sheet = client.get("/reports/", {"days": "7", "format": "csv"})
    asked = client.get("/api/v1/kpis/", {"days": 7})
    assert (empty.status_code, page.status_code, asked.status_code) == (200, 200, 200)
    assert "No run that you may know of ended" in empty.content.decode()
    assert "<strong>1 run</strong> ended" in page.content.decode()
    rows = list(csv.reader(io.StringIO(sheet.content.decode())))
    assert rows[1][:4] == ["all", "", "1", "1"]
    assert rows[-1][:2] == ["cause of failed", "'=cmd()"]
    body = asked.json()
    assert (body["total"]["ended"], body["total"]["failed"], body["total"]["cost"]) == (1, 1, 0.25)
    assert body["agents"][0]["slug"] == "scorer"
    assert client.get("/api/v1/kpis/", {"days": 7, "format": "csv"}).content == sheet.content
    assert client.get("/reports/", {"agent": "nobody"}).status_code == 404
    assert client.get("/api/v1/kpis/", {"days": 400}).status_code == 400
