"""The skew map says who works on what, since when they are behind, and nothing to whom it does not concern."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Receipt
from agents.skew import skew_map, summary_of
from context.access import principal_for
from context.models import ContextVersion, User
from governance.edits import EditInput
from tests.agents.conftest import Presented, contract, give
from tests.cast import Cast, creation, publish, revision


@pytest.fixture
def comparer(cast: Cast) -> Presented:
    publish(cast, creation("legal/liability", body="Capped.", owner="owner"), creation("legal/other", body="Else."))
    return give(cast, contract(cast, [{"key": "legal/liability"}, {"key": "legal/other"}]))


def test_skew__fresh_bundle__is_current_until_its_lease_ends(cast: Cast, comparer: Presented) -> None:
    comparer.bundle()
    admin = principal_for(cast.admin)
    (held,) = skew_map(principal=admin, now=timezone.now())
    assert (held.standing, held.texts, held.behind) == ("current", 2, 0)
    assert held.held_since == held.last_told_at
    (later,) = skew_map(principal=admin, now=timezone.now() + timedelta(hours=1))
    assert later.standing == "lapsed"


def test_skew__text_revised_and_text_retired__is_behind_since_the_first_of_them(
    cast: Cast, comparer: Presented
) -> None:
    comparer.bundle()
    publish(cast, revision("legal/liability", body="Capped higher."))
    publish(cast, EditInput(operation="retire", key="legal/other"))
    (held,) = skew_map(principal=principal_for(cast.admin), now=timezone.now())
    assert (held.standing, held.behind) == ("behind", 2)
    assert [(each.key, each.held, each.now) for each in held.moved_on] == [
        ("legal/liability", 1, 2),
        ("legal/other", 1, None),
    ]
    first = ContextVersion.objects.get(item__key="legal/liability", number=1)
    assert held.behind_since == first.superseded_at


def test_skew__asked_again__is_current_again(cast: Cast, comparer: Presented) -> None:
    comparer.bundle()
    publish(cast, revision("legal/liability", body="Capped higher."))
    comparer.bundle()
    (held,) = skew_map(principal=principal_for(cast.admin), now=timezone.now())
    assert held.standing == "current"


def test_skew__contract_has_another_version__is_behind_though_no_text_moved(cast: Cast, comparer: Presented) -> None:
    comparer.bundle()
    contract(cast, [{"key": "legal/liability"}])
    (held,) = skew_map(principal=principal_for(cast.admin), now=timezone.now())
    assert (held.standing, held.behind) == ("behind", 0)
    assert (held.contract_version, held.current_contract_version) == (1, 2)


def test_skew__bundle_of_a_past_moment__is_no_revision_to_work_on(cast: Cast, comparer: Presented) -> None:
    then = timezone.now().isoformat()
    comparer.bundle(as_of=then)
    (held,) = skew_map(principal=principal_for(cast.admin), now=timezone.now())
    assert held.standing == "never"


def test_skew__text_above_the_askers_clearance__is_counted_and_not_named(cast: Cast, comparer: Presented) -> None:
    comparer.bundle()
    publish(cast, revision("legal/liability", body="Secret.", sensitivity="confidential"))
    User.objects.filter(pk=cast.admin.pk).update(clearance=1)
    cast.admin.refresh_from_db()
    (held,) = skew_map(principal=principal_for(cast.admin), now=timezone.now())
    assert (held.behind, held.moved_on) == (1, ())


def test_skew__person_without_agents__sees_nobody(cast: Cast, comparer: Presented) -> None:
    comparer.bundle()
    assert skew_map(principal=principal_for(cast.outsider), now=timezone.now()) == []
    assert sum(summary_of([]).values()) == 0


def test_skew__over_the_api_and_on_the_page__says_the_same(cast: Cast, comparer: Presented) -> None:
    comparer.bundle()
    publish(cast, revision("legal/liability", body="Capped higher."))
    browser = Client()
    browser.force_login(cast.admin)
    told = json.loads(browser.get("/api/v1/skew/").content)
    assert told["summary"]["behind"] == 1
    assert told["holdings"][0]["moved_on"][0]["key"] == "legal/liability"
    page = browser.get("/skew/").content.decode()
    assert "1 of 1" in page
    assert 'aria-label="1 behind"' in page
    assert "legal/liability" in page
    assert json.loads(browser.get("/api/v1/skew/?contract=another").content)["holdings"] == []


def test_receipt__of_another_agent__does_not_exist(cast: Cast, comparer: Presented) -> None:
    comparer.bundle()
    number = Receipt.objects.get().pk
    other = give(cast, slug="other")
    assert comparer.get(f"/api/v1/receipts/{number}/").status_code == 200
    assert other.get(f"/api/v1/receipts/{number}/").status_code == 404
    told = json.loads(comparer.get(f"/api/v1/receipts/{number}/").content)
    assert told["receipt"]["bundle"] == comparer.bundle()["digest"]
