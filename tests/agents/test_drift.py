"""Drift that agents feel: what they ask and nothing answers, what they hold that moved on, keys that should not be."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.keys import revoke_key
from agents.models import KeyMisuse, Question
from agents.questions import note_question
from agents.registry import set_state
from context.models import Passage
from governance.drift.tuning import tune_detector
from governance.edits import EditInput
from governance.models import Finding
from tests.agents.conftest import Presented, contract, give
from tests.cast import Cast, creation, publish, revision
from tests.governance.drift.conftest import scan

DAY = timedelta(days=1)
PLACES = {
    "contract-references": "agents.drift.contracts.DETECTOR",
    "superseded-bundles": "agents.drift.superseded.DETECTOR",
    "keys": "agents.drift.keys.DETECTOR",
    "refusals": "agents.drift.refusals.DETECTOR",
    "unanswered": "agents.drift.unanswered.DETECTOR",
    "unread": "governance.drift.unread.DETECTOR",
}


@pytest.fixture
def comparer(cast: Cast) -> Presented:
    """An agent of Legal whose contract asks for one text."""
    publish(cast, creation("legal/cap", body="The cap is 100 %."))
    return give(cast, contract(cast, [{"key": "legal/cap"}], most_matches=2))


@pytest.fixture(autouse=True)
def _of_agents_alone(settings: Any) -> None:
    settings.DRIFT_DETECTORS = PLACES


def test_contract__key_it_names_is_retired__is_a_finding_of_the_contracts_owner(
    cast: Cast, comparer: Presented
) -> None:
    scan(now=timezone.now())
    assert not Finding.objects.filter(detector="contract-references").exists()
    publish(cast, EditInput(operation="retire", key="legal/cap"))

    scan(now=timezone.now())

    finding = Finding.objects.get(detector="contract-references")
    assert finding.summary == "The contract “Contract review” asks for legal/cap, which was retired."
    assert (finding.owner, finding.subject_type, finding.severity) == (cast.owner, "contract", 3)


def test_bundle__texts_superseded_since__agent_is_out_of_sync_until_it_asks_again(
    cast: Cast, comparer: Presented
) -> None:
    comparer.bundle()
    publish(cast, revision("legal/cap", body="The cap is 150 %."))
    scan(now=timezone.now())
    assert not Finding.objects.filter(detector="superseded-bundles").exists()

    scan(now=timezone.now() + 2 * DAY)

    finding = Finding.objects.get(detector="superseded-bundles")
    assert finding.evidence["figures"]["Superseded"] == 1
    assert finding.evidence["texts"] == ["legal/cap: version 1, now 2"]
    comparer.bundle()
    scan(now=timezone.now() + 2 * DAY)
    finding.refresh_from_db()
    assert finding.state == "resolved"


def test_keys__revoked_unsanctioned_and_unknown__are_noted_once_a_minute_and_found(
    cast: Cast, comparer: Presented
) -> None:
    second = give(cast, slug="second")
    revoke_key(actor=cast.admin, key=comparer.key, now=timezone.now())
    set_state(actor=cast.admin, agent=second.agent, state="suspended", reason="Odd answers", now=timezone.now())
    unknown = Presented(agent=comparer.agent, key=comparer.key, bearer="plk_" + "0" * 12 + "_" + "x" * 43)
    for each in (comparer, comparer, second, unknown):
        assert each.post({"contract": "review"}).status_code in (401, 403)
    assert sorted(KeyMisuse.objects.values_list("reason", "times")) == [
        ("revoked", 1),
        ("unknown", 1),
        ("unsanctioned", 1),
    ]

    scan(now=timezone.now())

    said = sorted(Finding.objects.filter(detector="keys").values_list("summary", flat=True))
    assert said[0] == "Somebody presents keys that are none."
    assert any("still presents a key that was revoked" in each for each in said)
    assert any("is not sanctioned and asks for context" in each for each in said)


def test_refusals__the_same_gap_again_and_again__is_one_finding_of_the_domain(cast: Cast, comparer: Presented) -> None:
    publish(cast, EditInput(operation="retire", key="legal/cap"))
    for _ in range(2):
        assert comparer.post({"contract": "review"}).status_code == 409
    scan(now=timezone.now())
    assert not Finding.objects.filter(detector="refusals").exists()
    assert comparer.post({"contract": "review"}).status_code == 409

    scan(now=timezone.now())

    finding = Finding.objects.get(detector="refusals")
    assert (finding.domain, finding.evidence["figures"]["Refused, times"]) == (cast.legal, 3)
    scan(now=timezone.now() + 31 * DAY)
    finding.refresh_from_db()
    assert finding.state == "resolved"


def test_questions__that_nothing_answers__are_told_to_the_domain_until_a_text_does(
    cast: Cast, comparer: Presented
) -> None:
    assert json.loads(comparer.post({"contract": "review", "query": "Who feeds the cat?"}).content)
    assert Question.objects.get().text == "Who feeds the cat?"
    Passage.objects.update(embedding=[1.0] + [0.0] * 383)

    scan(now=timezone.now())

    finding = Finding.objects.get(detector="unanswered")
    assert "Who feeds the cat?" in finding.evidence["questions"][0]
    assert finding.domain == cast.legal
    scan(now=timezone.now() + 61 * DAY)
    finding.refresh_from_db()
    assert finding.state == "resolved"
    assert not Question.objects.exists()


def test_question__of_nothing_but_space__is_not_kept(cast: Cast, comparer: Presented) -> None:
    version = comparer.agent.contracts.get().current_version
    assert version is not None
    note_question(agent_id=comparer.agent.pk, contract_version_id=version.pk, text=" \n ", now=timezone.now())
    note_question(agent_id=comparer.agent.pk, contract_version_id=version.pk, text="why " * 900, now=timezone.now())
    assert [len(question.text) for question in Question.objects.all()] == [500]


def test_unread__most_of_a_domain__is_one_finding_and_names_only_what_all_may_know(
    cast: Cast, comparer: Presented
) -> None:
    publish(cast, creation("legal/open"), creation("legal/closed", sensitivity="confidential"))
    asked = timezone.now()
    comparer.bundle()
    tune_detector(
        actor=cast.owner,
        detector="unread",
        domain=cast.legal,
        enabled=True,
        severity=None,
        hold_back=False,
        options={"unread_days": 1},
        now=timezone.now(),
    )
    scan(now=asked)
    assert not Finding.objects.filter(detector="unread").exists()

    scan(now=asked + DAY)

    finding = Finding.objects.get(detector="unread")
    assert finding.evidence["keys"] == ["legal/open"]
    assert finding.evidence["figures"] == {"Texts": 3, "Given to no agent": 2, "Share, %": 67}
