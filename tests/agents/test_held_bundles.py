"""Which agents were given the items of a change in the last thirty days, as far as one may know of them."""

from __future__ import annotations

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from agents.held_bundles import bundles_with
from agents.models import Receipt
from context.access import principal_for
from context.models import User
from tests.agents.conftest import contract, give
from tests.api.conftest import token_of
from tests.cast import Cast, creation, publish, revision, submit


def test_bundles__of_any_version_in_thirty_days__are_counted_by_agent_and_contract(cast: Cast) -> None:
    publish(cast, creation("legal/one", body="One."), creation("legal/two", body="Two."))
    given = give(cast, contract(cast, [{"key": "legal/one"}]))
    given.bundle()
    given.bundle()
    publish(cast, revision("legal/one", body="One again."))
    given.bundle()
    now = timezone.now()
    Receipt.objects.create(
        agent=given.agent, key_prefix="x", bundle=Receipt.objects.earliest("pk").bundle, served_at=now - timedelta(31)
    )
    found = bundles_with(keys=["legal/one"], principal=principal_for(cast.owner))
    assert [(each.agent_id, each.deliveries, each.bundles) for each in found] == [(given.agent.pk, 3, 2)]
    assert bundles_with(keys=["legal/two"], principal=principal_for(cast.owner)) == []
    # The agents of others are nobody's business.
    assert bundles_with(keys=["legal/one"], principal=principal_for(cast.reviewer)) == []


def test_impact__over_the_api_and_on_the_page__tells_who_was_given_it(cast: Cast) -> None:
    publish(cast, creation("legal/one", body="One."))
    given = give(cast, contract(cast, [{"key": "legal/one"}]))
    given.bundle()
    change = submit(cast, revision("legal/one", body="Another."))
    answer = (
        Client()
        .get(f"/api/v1/changes/{change.pk}/impact/", headers={"Authorization": f"Bearer {token_of(cast.owner)}"})
        .json()
    )
    bundles = [each for each in answer["results"] if each["kind"] == "bundle"]
    assert [(each["label"], each["figures"]) for each in bundles] == [("Comparer", {"deliveries": 1, "bundles": 1})]
    assert bundles[0]["last_at"]
    page = _signed_in(cast.owner).get(f"/changes/{change.pk}/").content.decode()
    assert "was given it 1 time in the last 30 days, under Contract review, in 1 bundle" in page


def _signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client
