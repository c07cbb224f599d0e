"""Contradictions between items: found by what is near and by what is declared, shown, mended, and seen by few."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from context.access import principal_for
from context.embeddings import embed_pending
from context.models import Sensitivity
from governance.drift.contradictions_live import Draft, contradictions_with
from governance.impact import impact_of
from governance.models import Finding
from tests.cast import Cast, creation, propose, publish, revision
from tests.governance.drift.conftest import scan

LONG = "Invoices of suppliers must be paid within {days} days of their receipt by the accounts team."


@pytest.fixture(autouse=True)
def _only_contradictions(settings: Any) -> None:
    settings.DRIFT_DETECTORS = {"contradiction": "governance.drift.contradictions.DETECTOR"}


def said(key: str, body: str, **more: Any) -> Any:
    return creation(key, body=body, **more)


def scanned(**more: Any) -> list[Finding]:
    embed_pending(1_000)
    scan(now=timezone.now(), **more)
    return list(Finding.objects.filter(state="open"))


def claim(days: int, **more: Any) -> dict[str, Any]:
    return {
        "subject": "supplier invoices",
        "measure": "payment_term",
        "comparator": "at_most",
        "quantity": days,
        "unit": "days",
        **more,
    }


def test_texts__figures_differ__one_finding_shows_both_places_and_why(cast: Cast) -> None:
    publish(cast, said("legal/terms", LONG.format(days=30)), said("sales/terms", LONG.format(days=45)))

    [finding] = scanned()

    assert (finding.detector, finding.subject_id) == ("contradiction", "legal/terms")
    assert [item.key for item in finding.concerned.order_by("key")] == ["legal/terms", "sales/terms"]
    shown = [passage["text"][slice(*passage["marks"][0])] for passage in finding.evidence["passages"]]
    assert shown == ["30 days", "45 days"]
    assert finding.evidence["sentence"] == (
        "The two say the same but for the figure: one has “30 days”, the other “45 days”."
    )
    assert finding.proposal["replacements"] == [[LONG.format(days=30), LONG.format(days=45)]]


def test_texts__one_follows_the_other__finding_resolves(cast: Cast) -> None:
    publish(cast, said("legal/terms", LONG.format(days=30)), said("sales/terms", LONG.format(days=45)))
    [finding] = scanned()
    publish(cast, revision("legal/terms", body=LONG.format(days=45)))

    assert scanned() == []
    finding.refresh_from_db()
    assert (finding.state, finding.resolved_by_version) == ("resolved", 2)


def test_texts__sentence_that_stands_longer__is_the_one_to_mend(cast: Cast) -> None:
    publish(cast, said("legal/terms", LONG.format(days=30)))
    publish(cast, said("sales/terms", LONG.format(days=45)))
    publish(cast, revision("legal/terms", body=f"{LONG.format(days=30)}\n\nNothing else changed."))

    [finding] = scanned()

    assert finding.subject_id == "legal/terms"


def test_texts__incremental__only_pairs_of_what_changed_are_compared(cast: Cast) -> None:
    publish(cast, said("legal/terms", LONG.format(days=30)), said("sales/other", "Brokers report claims at once."))
    assert scanned() == []
    publish(cast, said("sales/terms", LONG.format(days=45)))
    assert len(scanned()) == 1
    publish(cast, revision("sales/other", body="Brokers report claims by letter at once."))
    assert len(scanned()) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"title": "Terms in Germany"},
        {"data": {"applies_to": ["German entities"]}},
        {"relations": [{"type": "exception_to", "key": "legal/terms"}]},
        {"relations": [{"type": "conflicts_with", "key": "legal/terms"}]},
    ],
)
def test_texts__apply_to_others_or_answer_for_it__are_no_finding(cast: Cast, more: dict[str, Any]) -> None:
    publish(cast, said("legal/terms", LONG.format(days=30), data={"applies_to": ["British entities"]}))
    publish(cast, said("sales/terms", LONG.format(days=45), **more))
    assert scanned() == []


def test_facts__labels_are_not_compared_and_sentences_are(cast: Cast) -> None:
    rule = "Supplier invoices must be paid within {days} days of receipt."
    publish(
        cast,
        said(
            "legal/terms",
            "One.",
            data={"rules": [{"id": "1", "obligation": "must", "statement": rule.format(days=30)}]},
        ),
        said(
            "sales/terms",
            "Two.",
            data={"rules": [{"id": "2", "obligation": "must", "statement": rule.format(days=45)}]},
        ),
    )

    [finding] = scanned()

    assert [passage["text"][slice(*passage["marks"][0])] for passage in finding.evidence["passages"]] == [
        "30 days",
        "45 days",
    ]


def test_declared__same_place_other_limit__is_shown_where_the_text_says_it(cast: Cast) -> None:
    publish(
        cast,
        said("legal/terms", "We settle invoices from suppliers in 30 days.", claims=[claim(30)]),
        said("sales/pay", "After 45 days at most, suppliers have their money for invoices.", claims=[claim(45)]),
        said("sales/abroad", "Abroad, suppliers wait 60 days.", claims=[claim(60, scope="abroad")]),
    )

    [finding] = scanned()

    assert finding.evidence["declared"] is True
    assert finding.evidence["sentence"] == (
        "The two set different limits for the same thing: “30 days” against “45 days”."
    )
    assert [passage["text"][slice(*passage["marks"][0])] for passage in finding.evidence["passages"]] == [
        "30 days",
        "45 days",
    ]


def test_finding__one_side_is_beyond_a_reader__is_not_theirs(cast: Cast) -> None:
    publish(
        cast,
        said("legal/terms", LONG.format(days=30), sensitivity="confidential"),
        said("sales/terms", LONG.format(days=45)),
    )
    [finding] = scanned()
    assert finding.sensitivity == Sensitivity.CONFIDENTIAL
    assert Finding.objects.visible_to(principal_for(cast.reviewer)).count() == 1
    assert Finding.objects.visible_to(principal_for(cast.outsider)).count() == 0


def draft(days: int, **more: Any) -> Draft:
    given = {"key": "sales/new", "title": "New", "body": LONG.format(days=days), "data": {}, **more}
    return Draft(**given)


def test_live__draft_contradicts_a_text__says_which(cast: Cast) -> None:
    publish(cast, said("legal/terms", LONG.format(days=30), claims=[claim(30)]))
    embed_pending(1_000)
    principal = principal_for(cast.author)

    [conflict] = contradictions_with(draft=draft(45), principal=principal, now=timezone.now())

    assert {conflict.a.key, conflict.b.key} == {"legal/terms", "sales/new"}
    assert "“30 days”" in conflict.sentence
    assert contradictions_with(draft=draft(30), principal=principal, now=timezone.now()) == []
    declared = draft(45, body="Nothing near.", claims=[claim(45)])
    [conflict] = contradictions_with(draft=declared, principal=principal, now=timezone.now())
    assert conflict.declared


def test_live__own_text_in_force_and_hidden_texts__do_not_count(cast: Cast) -> None:
    publish(
        cast,
        said("legal/terms", LONG.format(days=30)),
        said("legal/secret", LONG.format(days=60), sensitivity="confidential", claims=[claim(60)]),
    )
    embed_pending(1_000)
    own = draft(45, key="legal/terms")
    outsider, author = principal_for(cast.outsider), principal_for(cast.author)
    assert contradictions_with(draft=own, principal=outsider, now=timezone.now()) == []
    assert (
        contradictions_with(draft=draft(45, claims=[claim(45)], body="x"), principal=outsider, now=timezone.now()) == []
    )
    assert [conflict.a.key for conflict in contradictions_with(draft=own, principal=author, now=timezone.now())] == [
        "legal/secret"
    ]


def test_impact__change_would_contradict_a_text__reviewers_are_told_unless_the_change_mends_it(cast: Cast) -> None:
    publish(cast, said("legal/terms", LONG.format(days=30)))
    embed_pending(1_000)
    principal = principal_for(cast.reviewer)
    change = propose(cast, creation("sales/new", body=LONG.format(days=45)))

    [told] = [each for each in impact_of(change=change, principal=principal) if each.kind == "contradiction"]

    assert (told.label, told.url) == ("Terms", "/items/legal/terms/")
    both = propose(
        cast, creation("sales/both", body=LONG.format(days=45)), revision("legal/terms", body=LONG.format(days=45))
    )
    assert not [each for each in impact_of(change=both, principal=principal) if each.kind == "contradiction"]
