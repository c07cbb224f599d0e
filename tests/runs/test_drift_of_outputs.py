"""What agents said last is held against what the organisation says now: other figures, and wrong names."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from agents.runs.contexts import give_bundle
from agents.runs.finishing import complete_run
from agents.runs.leases import claim_run
from agents.runs.starting import Assignment, RunOrder, open_run
from context.access import principal_for
from governance.models import Finding
from tests.cast import Cast, creation, publish, revision
from tests.governance.drift.conftest import scan
from tests.runs.conftest import Runner, runner

RULE = "Suppliers are paid within {days} days of the receipt of their invoice."
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}}


def answered(cast: Cast, by: Runner, answer: str) -> None:
    """A run in which the agent was given its text and said that."""
    run = open_run(
        actor=principal_for(cast.owner),
        order=RunOrder(task_type="score", task={"clause": "When are suppliers paid?"}),
        assignment=Assignment(agent=by.agent, contract_version=by.terms),
        now=timezone.now(),
    )
    claim = claim_run(agent=by.known, now=timezone.now())
    assert claim is not None
    give_bundle(agent=by.known, run_id=run.pk, token=claim.token, form="markdown", now=timezone.now())
    complete_run(agent=by.known, run_id=run.pk, token=claim.token, output={"answer": answer}, now=timezone.now())


def found(detector: str) -> list[Finding]:
    scan(now=timezone.now())
    return list(Finding.objects.filter(detector=detector, state="open"))


def test_outputs__text_changes_after_the_answer__is_a_finding_until_the_agent_says_so_too(
    cast: Cast, settings: Any, monkeypatch: Any
) -> None:
    settings.DRIFT_DETECTORS = {"outputs": "agents.drift.outputs.DETECTOR"}
    monkeypatch.setattr("agents.drift.latest_outputs.OUTPUTS_OF_AN_AGENT", 1)
    publish(cast, creation("legal/payment", title="Payment", body=RULE.format(days=30)))
    scorer = runner(cast, requirements=[{"key": "legal/payment"}], output_schema=SCHEMA)
    answered(cast, scorer, RULE.format(days=30))
    assert found("outputs") == []
    publish(cast, revision("legal/payment", body=RULE.format(days=45)))

    [finding] = found("outputs")

    assert finding.summary == f"“{scorer.agent.name}” says otherwise than “Payment”."
    shown = [passage["text"][slice(*passage["marks"][0])] for passage in finding.evidence["passages"]]
    assert shown == ["30 days", "45 days"]
    assert (finding.subject_type, finding.subject_id, finding.owner_id) == (
        "agent",
        scorer.agent.slug,
        scorer.agent.owner_id,
    )
    assert [item.key for item in finding.concerned.all()] == ["legal/payment"]
    answered(cast, scorer, RULE.format(days=45))
    assert found("outputs") == []


def test_terminology__agent_uses_a_deprecated_name__is_one_finding_for_all_its_outputs(
    cast: Cast, settings: Any
) -> None:
    settings.DRIFT_DETECTORS = {"terminology": "governance.drift.terms.DETECTOR"}
    publish(
        cast,
        creation("legal/payment", body=RULE.format(days=30)),
        creation(
            "legal/slackwater",
            kind="term",
            title="Slackwater",
            data={"definition": "A cover for stored goods.", "deprecated_aliases": ["StoreSafe"]},
        ),
    )
    scorer = runner(cast, requirements=[{"key": "legal/payment"}], output_schema=SCHEMA)
    answered(cast, scorer, "Goods in store are covered by StoreSafe.")
    answered(cast, scorer, "StoreSafe covers stored goods.")

    [finding] = found("terminology")

    assert (finding.subject_type, finding.subject_id) == ("agent", scorer.agent.slug)
    assert finding.evidence["written"] == "StoreSafe"
