"""Texts that point at what is gone: by relation, by link, by a key in their data."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from context.access import principal_for
from governance.drift.tuning import tune_detector
from governance.edits import EditInput
from governance.models import ApprovalPolicy, ApprovalStage, Finding
from tests.cast import Cast, creation, publish, revision
from tests.governance.drift.conftest import scan


def retire(key: str, replaced_by: str | None = None) -> EditInput:
    return EditInput(operation="retire", key=key, replaced_by=replaced_by)


def only(settings: Any, name: str, path: str) -> None:
    settings.DRIFT_DETECTORS = {name: path}


@pytest.fixture
def references(settings: Any) -> None:
    only(settings, "references", "governance.drift.references.DETECTOR")


@pytest.mark.usefixtures("references")
def test_references__linked_text_is_retired__found_incrementally_with_its_passage_and_redirect(cast: Cast) -> None:
    body = "As [the guide](item:sales/guide) says, and `item:sales/none` in code is no link."
    publish(cast, creation("sales/guide"), creation("sales/guide-2"), creation("legal/cap", title="Cap", body=body))
    scan(now=timezone.now())
    assert not Finding.objects.exists()
    publish(cast, retire("sales/guide", "sales/guide-2"))

    scan(now=timezone.now())

    finding = Finding.objects.get()
    assert finding.summary == "“Cap” points in its text at “Guide”, which was retired."
    [passage] = finding.evidence["passages"]
    begin, end = passage["marks"][0]
    assert passage["text"][begin:end] == "item:sales/guide"
    assert finding.proposal["replacements"] == [["sales/guide", "sales/guide-2"]]
    publish(cast, revision("legal/cap", body="As [the guide](item:sales/guide-2) says."))
    scan(now=timezone.now())
    finding.refresh_from_db()
    assert (finding.state, finding.resolved_by_version) == ("resolved", 2)


@pytest.mark.usefixtures("references")
def test_references__link_to_nothing__resolves_once_the_text_is_written(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="See [it](/items/sales/guide/)."))
    scan(now=timezone.now())
    finding = Finding.objects.get()
    assert finding.evidence["target"] == "sales/guide"
    publish(cast, creation("sales/guide"))
    scan(now=timezone.now())
    finding.refresh_from_db()
    assert finding.state == "resolved"


@pytest.mark.usefixtures("references")
def test_references__exception_whose_rule_was_retired__is_the_gravest(cast: Cast) -> None:
    publish(cast, creation("legal/rule", title="Rule"), creation("legal/other"))
    publish(
        cast,
        creation("sales/exception", title="Ours", relations=[{"type": "exception_to", "key": "legal/rule"}]),
        creation("sales/kin", title="Kin", relations=[{"type": "related", "key": "legal/rule"}]),
    )
    publish(cast, retire("legal/rule"))
    scan(now=timezone.now())
    found = {finding.subject_label: finding for finding in Finding.objects.all()}
    assert found["Ours"].summary == "“Ours” is an exception to “Rule”, which was retired."
    assert found["Ours"].severity > found["Kin"].severity


@pytest.mark.usefixtures("references")
def test_references__superseded_precedent_and_unit_without_parent__are_found_by_the_schema(cast: Cast) -> None:
    facts = {"facts": "F", "decision": "D", "rationale": "R", "decided_on": "2026-01-01"}
    publish(cast, creation("legal/new", kind="precedent", data=facts))
    publish(
        cast,
        creation("legal/old", title="Old", kind="precedent", data={**facts, "superseded_by": "legal/new"}),
        creation("sales/team", title="Team", kind="org_unit", data={"parent": "sales/nowhere"}),
    )
    scan(now=timezone.now())
    assert sorted(Finding.objects.values_list("summary", flat=True)) == [
        "“Old” was superseded by “New” and is still in force.",
        "“Team” points in its parent at “sales/nowhere”, which is not there.",
    ]
    assert Finding.objects.get(subject_label="Old").proposal["retire"] is True


@pytest.mark.usefixtures("references")
def test_references__of_a_hidden_text__do_not_tell_its_name(cast: Cast) -> None:
    publish(cast, creation("legal/secret", title="Secret", sensitivity="confidential"))
    publish(cast, creation("sales/cap", sensitivity="public", relations=[{"type": "related", "key": "legal/secret"}]))
    publish(cast, retire("legal/secret"))
    scan(now=timezone.now())
    finding = Finding.objects.get()
    assert finding.sensitivity == 2
    assert not Finding.objects.visible_to(principal_for(cast.outsider)).exists()
    assert Finding.objects.visible_to(principal_for(cast.author)).get() == finding


def test_approvals__stage_that_nobody_can_pass__is_found(cast: Cast, settings: Any) -> None:
    only(settings, "approvals", "governance.drift.approvals.DETECTOR")
    board = Group.objects.create(name="board")
    policy = ApprovalPolicy.objects.create(name="By the board", domain=cast.legal)
    ApprovalStage.objects.create(policy=policy, name="Board", approvers="group", group=board, people_required=2)
    scan(now=timezone.now())
    [finding] = Finding.objects.filter(subject_id=str(policy.pk))
    assert finding.evidence["figures"] == {"People needed": 2, "People who could": 0}
    board.user_set.add(cast.owner, cast.reviewer)
    scan(now=timezone.now())
    finding.refresh_from_db()
    assert finding.state == "resolved"


def test_inventory__declared_kind_is_lacking__is_found_until_there_is_one(cast: Cast, settings: Any) -> None:
    only(settings, "inventory", "governance.drift.inventory.DETECTOR")
    tune_detector(
        actor=cast.owner,
        detector="inventory",
        domain=cast.legal,
        enabled=True,
        severity=None,
        hold_back=False,
        options={"expected_kinds": "policy, term, no_such"},
        now=timezone.now(),
    )
    publish(cast, creation("legal/cap"))
    scan(now=timezone.now())
    finding = Finding.objects.get()
    assert finding.summary == "Legal has no term in force, and should have one."
    publish(cast, creation("legal/word", kind="term", data={"definition": "A word."}))
    scan(now=timezone.now())
    finding.refresh_from_db()
    assert finding.state == "resolved"


def test_owner_gone__found_by_the_scan__is_the_finding_of_the_daily_look(cast: Cast, settings: Any) -> None:
    only(settings, "owner-gone", "governance.drift.departed.DETECTOR")
    publish(cast, creation("legal/cap", owner="reviewer"))
    cast.reviewer.is_active = False
    cast.reviewer.save()
    scan(now=timezone.now())
    scan(now=timezone.now())
    assert Finding.objects.get().subject_id == "legal"
