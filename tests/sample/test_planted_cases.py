"""What the sample holds on purpose: each case is there as people and agents would meet it."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from agents.authentication import authenticate
from agents.serving import parse_request, serve_bundle
from context.access import principal_for
from context.bundles import ContextUnavailable
from context.models import ContextItem, ContextVersion, User
from governance.changes import EditInput, create_change, submit_change
from governance.drift import contradictions, duplicates, terms
from governance.drift.detectors import Detector, Looking, Subjects
from governance.drift.drafts import FindingDraft
from governance.models import Change, ChangeState
from governance.publishing import publish_change
from governance.reviews import review_change


def item(key: str) -> ContextItem:
    return ContextItem.objects.get(key=key)


def person(credentials: dict[str, Any], role: str) -> User:
    return User.objects.get(username=credentials["people"][role]["username"])


def in_force() -> dict[str, ContextVersion]:
    found = ContextVersion.objects.in_force(timezone.now()).select_related("item")
    return {version.item.key: version for version in found}


def revise_text(author: User, key: str, here: str, there: str) -> Change:
    """A change by `author`, in review."""
    version = item(key).current_version
    assert version is not None
    assert here in version.body
    edit = EditInput(operation="revise", key=key, payload={"body": version.body.replace(here, there)})
    now = timezone.now()
    change = create_change(actor=author, title="A walk through", reason="Because it is needed", edits=[edit], now=now)
    return submit_change(actor=author, change_id=change.pk, now=now)


def ask(credentials: dict[str, Any], slug: str, **more: Any) -> Any:
    said = credentials["agents"][slug]
    now = timezone.now()
    asked = parse_request({"contract": said["contract"], **more}, now=now)
    return serve_bundle(agent=authenticate(f"Bearer {said['key']}"), asked=asked, now=now)


def test_overdue__several_texts_wait_for_their_owners(loaded: Path) -> None:
    overdue = set(ContextItem.objects.overdue(timezone.now()).in_force(timezone.now()).values_list("key", flat=True))
    assert overdue == {
        "finance/premium-tax-guideline",
        "finance-regulatory/reporting-calendar",
        "marketing/event-calendar-2026",
        "marketing/social-media-guideline",
        "sales/competitor-digital-entrants",
        "sales/competitor-northgate",
        "sales-pricing/roadstead-rating-guide",
    }


def test_contradiction__two_texts_in_force_disagree_and_a_third_only_seems_to(loaded: Path) -> None:
    claims = [
        (key, claim)
        for key, version in in_force().items()
        for claim in version.claims
        if claim["subject"] == "broker premium settlement"
    ]
    assert {key for key, _ in claims} == {
        "finance/broker-settlement-policy",
        "finance/delegated-authority-settlement",
        "sales/broker-terms-of-business",
    }
    same_scope = [
        {one[0], other[0]}
        for one, other in combinations(claims, 2)
        if one[1]["scope"] == other[1]["scope"] and one[1]["quantity"] != other[1]["quantity"]
    ]
    assert same_scope == [{"finance/broker-settlement-policy", "sales/broker-terms-of-business"}]
    texts = in_force()
    assert "within 45 days of the inception" in texts["finance/broker-settlement-policy"].body
    assert "within 30 days of the inception" in texts["sales/broker-terms-of-business"].body
    assert "within 60 days of the month end" in texts["finance/delegated-authority-settlement"].body


def test_contradiction__there_is_no_other(loaded: Path) -> None:
    stated: dict[tuple[str, str, str], set[tuple[str, float]]] = {}
    for version in in_force().values():
        for claim in version.claims:
            place = (claim["subject"], claim["measure"], claim["scope"])
            stated.setdefault(place, set()).add((claim["comparator"], claim["quantity"]))
    assert [place[0] for place, values in stated.items() if len(values) > 1] == ["broker premium settlement"]


def test_expired__a_policy_is_no_longer_in_force(loaded: Path) -> None:
    version = item("hr/hybrid-working-pilot-rotterdam").current_version
    assert version is not None
    assert version.valid_to is not None
    assert version.valid_to < timezone.now()
    assert "hr/hybrid-working-pilot-rotterdam" not in in_force()


def test_retired__the_old_guide_names_its_successor(loaded: Path) -> None:
    old = item("sales-pricing/cargo-rating-guide-2024")
    assert old.retired_at is not None
    assert old.replaced_by == item("sales-pricing/harbourline-rating-guide")
    assert old.key not in in_force()


def test_deprecated_term__is_still_used_in_another_text(loaded: Path) -> None:
    texts = in_force()
    assert texts["sales/term-stock-throughput"].data["deprecated_aliases"] == ["StoreSafe"]
    assert "StoreSafe" in texts["sales/qualification-warehouse-risks"].body


def test_departed_owner__a_text_is_left_without_one(loaded: Path) -> None:
    inactive = ContextItem.objects.filter(owner__is_active=False)
    assert list(inactive.values_list("key", flat=True)) == ["sales/competitor-northgate"]


@pytest.mark.parametrize(
    ("title", "state"),
    [
        ("Clause library: edition of 2027", ChangeState.IN_REVIEW),
        ("Roadstead for 2027: smaller fleets and more cabotage", ChangeState.IN_REVIEW),
        ("Room for one larger contract in 2027", ChangeState.IN_REVIEW),
        ("Budget hierarchy for 2027", ChangeState.SCHEDULED),
        ("Accept liability of 200 % of charges where the supplier asks", ChangeState.REJECTED),
        ("Call back on changed bank details only above GBP 1,000", ChangeState.WITHDRAWN),
        ("A lighter agreement for suppliers below GBP 10,000", ChangeState.DRAFT),
    ],
)
def test_changes__are_where_they_were_left(loaded: Path, title: str, state: ChangeState) -> None:
    assert Change.objects.get(title=title).state == state


def test_changes__pending_ones_can_be_decided_by_those_who_may(loaded: Path, credentials: dict[str, Any]) -> None:
    library = Change.objects.get(title="Clause library: edition of 2027")
    roadstead = Change.objects.get(title="Roadstead for 2027: smaller fleets and more cabotage")
    assert library.edits.count() == 1
    assert roadstead.edits.count() == 4
    for change in (library, roadstead):
        reviewer = person(credentials, "reviewer")
        now = timezone.now()
        review_change(actor=reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=now)
        publish_change(actor=reviewer, change_id=change.pk, now=now)
    assert "GBP 7,500,000" in in_force()["legal/clause-library"].body
    assert "sales/term-cabotage" in in_force()


def test_walk_through__a_clause_needs_the_reviewer_alone_and_reaches_the_agent(
    loaded: Path, credentials: dict[str, Any]
) -> None:
    author, reviewer = person(credentials, "author"), person(credentials, "reviewer")
    key = "legal/clause-limitation-of-liability"
    change = revise_text(author, key, "(a) GBP 2,000,000 and", "(a) GBP 2,750,000 and")
    assert change.approvals_required == 1
    now = timezone.now()
    review_change(actor=reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=now)
    publish_change(actor=author, change_id=change.pk, now=now)
    served = ask(credentials, "terms-comparer").answer.decode()
    assert "GBP 2,750,000" in served
    assert reviewer.display_name in served


def test_walk_through__risk_appetite_needs_two_people_in_two_stages(loaded: Path) -> None:
    waiting = Change.objects.get(title="Room for one larger contract in 2027")
    assert waiting.approvals_required == 2
    assert waiting.reviews.filter(decision="approve").count() == 1
    now = timezone.now()
    committee = User.objects.get(username="owen.fairlie")
    review_change(actor=committee, change_id=waiting.pk, decision="approve", digest=waiting.digest, now=now)
    waiting.refresh_from_db()
    assert waiting.state == ChangeState.APPROVED


@pytest.mark.parametrize("slug", ["clause-extractor", "terms-comparer", "risk-scorer"])
def test_agents__the_contract_review_trio_gets_its_bundles(
    loaded: Path, credentials: dict[str, Any], slug: str
) -> None:
    answer = ask(credentials, slug, query="what cap and breach notice do we accept").answer.decode()
    assert "legal/" in answer


def test_agents__the_fourth_is_refused_for_three_different_reasons(loaded: Path, credentials: dict[str, Any]) -> None:
    task = {"product": "Roadstead", "premium": 18_400}
    with pytest.raises(ContextUnavailable) as refusal:
        ask(credentials, "renewal-pricer", task=task)
    assert {gap.requirement: gap.code for gap in refusal.value.gaps if gap.required} == {
        "rating guides": "missing",
        "sales/competitor-northgate": "stale",
        "sales/competitor-digital-entrants": "unverified",
    }


def test_access__outsider_sees_neither_what_is_above_them_nor_what_is_for_others(
    loaded: Path, credentials: dict[str, Any]
) -> None:
    seen = ContextItem.objects.visible_to(principal_for(person(credentials, "outsider")))
    assert {row.sensitivity for row in seen} == {0, 1}
    assert not seen.exclude(audiences=None).exists()
    assert seen.count() < ContextItem.objects.count() - 20


def test_access__administrator_has_no_more_than_their_clearance(loaded: Path, credentials: dict[str, Any]) -> None:
    seen = ContextItem.objects.visible_to(principal_for(person(credentials, "admin")))
    assert not seen.filter(key__in=["hr/pay-bands-2026", "finance-regulatory/solvency-cover-appetite"]).exists()


def found_by(detector: Detector) -> list[FindingDraft]:
    looking = Looking(full=True, defaults=detector.defaults)
    return list(detector.detect(Subjects(everything=True), now=timezone.now(), context=looking))


def test_contradiction__the_planted_one_alone_is_found_and_the_older_text_is_to_follow(loaded: Path) -> None:
    [draft] = found_by(contradictions.DETECTOR)
    assert draft.cause["items"] == ["finance/broker-settlement-policy", "sales/broker-terms-of-business"]
    shown = [passage["text"][slice(*passage["marks"][0])] for passage in draft.evidence["passages"]]
    assert shown == ["45 days", "30 days"]
    assert draft.proposal is not None
    assert draft.proposal.key == "sales/broker-terms-of-business"
    [(old, new)] = draft.proposal.replacements
    assert new == old.replace("30 days", "45 days")


def test_terminology__the_old_name_is_found_where_it_is_used_and_not_where_it_is_told_of(loaded: Path) -> None:
    wrong = [draft for draft in found_by(terms.DETECTOR) if draft.cause.get("what") == "wrong name"]
    assert [draft.cause["item"] for draft in wrong] == ["sales/qualification-warehouse-risks"]
    [use, *_] = wrong[0].evidence["passages"]
    assert use["text"][slice(*use["marks"][0])] == "StoreSafe"


def test_duplicates__there_are_none(loaded: Path) -> None:
    assert found_by(duplicates.DETECTOR) == []
