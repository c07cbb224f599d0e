"""Verification debt orders what is to be verified, and review intervals come from the table."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents import usage
from agents.models import Agent, Bundle, ContractVersion, Receipt
from context.access import principal_for
from context.errors import InvalidInput, NotPermitted
from context.models import ContextItem, Kind, User
from governance.debt import debt_of, due_by, verification_queue
from governance.intervals import interval_for, set_interval
from governance.models import AuditEvent, ReviewInterval
from governance.verification import verify_items
from tests.agents.conftest import contract
from tests.cast import Cast, creation, publish, revision


def deliver(cast: Cast, item: ContextItem, times: int, *, days_ago: int = 1) -> None:
    """Receipts of a bundle that held every text the item has had."""
    now = timezone.now()
    agent, _ = Agent.objects.get_or_create(
        slug="helper", defaults={"name": "Helper", "purpose": "Help", "owner": cast.owner, "created_at": now}
    )
    version = ContractVersion.objects.first() or contract(cast, [], slug="help").current_version
    assert version is not None
    body = item.key.encode()
    digest = hashlib.sha256(body).hexdigest()
    bundle = Bundle.objects.filter(digest=digest).first() or Bundle.objects.create(
        digest=digest,
        body=body,
        contract_version=version,
        agent=agent,
        snapshot_at=now,
        sensitivity=1,
        version_ids=list(item.versions.values_list("pk", flat=True)),
        created_at=now,
    )
    Receipt.objects.bulk_create(
        Receipt(agent=agent, key_prefix="k", bundle=bundle, served_at=now - timedelta(days=days_ago))
        for _ in range(times)
    )


def test_debt__formula__is_staleness_times_use_times_sensitivity() -> None:
    now = timezone.now()
    item = ContextItem(sensitivity=2, review_interval_days=90, verified_until=now - timedelta(days=90), created_at=now)

    debt = debt_of(item=item, now=now, deliveries=60)

    assert (debt.staleness, debt.use, debt.sensitivity) == (pytest.approx(2.0), 3.0, 3)
    assert debt.points == pytest.approx(18.0)


def test_debt__verified_in_time__is_nothing() -> None:
    now = timezone.now()
    item = ContextItem(
        sensitivity=3, review_interval_days=10, verified_until=now + timedelta(seconds=1), created_at=now
    )

    assert debt_of(item=item, now=now, deliveries=10_000).points == 0


def test_debt__never_verified__counts_from_the_creation() -> None:
    now = timezone.now()
    item = ContextItem(sensitivity=0, review_interval_days=10, created_at=now - timedelta(days=10))

    assert debt_of(item=item, now=now, deliveries=0).points == pytest.approx(2.0)


def test_queue__used_text__comes_before_one_that_is_longer_overdue(cast: Cast) -> None:
    long_ago = timezone.now() - timedelta(days=500)
    [idle] = publish(cast, creation("legal/idle", owner="owner"), now=long_ago)
    [used] = publish(cast, creation("legal/used", owner="owner"), now=long_ago + timedelta(days=100))
    [fresh] = publish(cast, creation("legal/fresh", owner="owner"))
    for each in (used, fresh):
        deliver(cast, each, 120)
    deliver(cast, idle, 500, days_ago=40)  # outside the window

    with CaptureQueriesContext(transaction.get_connection()) as queries:
        queue = verification_queue(principal=principal_for(cast.owner), now=timezone.now())

    assert [each.item.key for each in queue] == ["legal/used", "legal/idle"]
    assert [each.debt.deliveries for each in queue] == [120, 0]
    # Three for the principal; then who answers for domains and the items. Their use is one more, on the raw connection.
    assert len(queries) == 3 + 2


def test_usage__item_in_two_versions_of_one_bundle__counts_once(cast: Cast) -> None:
    publish(cast, creation("legal/twice"))
    [item] = publish(cast, revision("legal/twice", body="another"))
    assert item.versions.count() == 2
    deliver(cast, item, 3)
    now = timezone.now()

    found = usage.deliveries(since=now - timedelta(days=30), until=now, item_ids=[item.pk])

    assert found == {item.pk: 3}
    assert usage.deliveries(since=now - timedelta(days=30), until=now, item_ids=[]) == {}


def test_queue__of_a_domain_owner__has_what_nobody_owns(cast: Cast) -> None:
    publish(cast, creation("legal/orphan"), creation("sales/elsewhere"), now=timezone.now() - timedelta(days=500))

    queue = verification_queue(principal=principal_for(cast.owner), now=timezone.now())

    assert [each.item.key for each in queue] == ["legal/orphan"]


def test_due_by__agrees_with_overdue__for_texts_that_were_verified(cast: Cast) -> None:
    [item] = publish(cast, creation("legal/orphan"), now=timezone.now() - timedelta(days=500))
    assert list(due_by(ContextItem.objects.all(), timezone.now())) == [item]

    verify_items(actor=cast.owner, keys=[item.key], now=timezone.now())

    assert not due_by(ContextItem.objects.all(), timezone.now()).exists()


def test_interval__most_specific_entry__is_taken(cast: Cast) -> None:
    kind = Kind.objects.get(slug="policy")
    now = timezone.now()
    assert interval_for(kind=kind, sensitivity=2) == kind.default_review_interval_days
    for where, days in (((None, None), 400), ((None, 2), 300), ((kind, None), 200), ((kind, 2), 100)):
        set_interval(actor=cast.admin, kind=where[0], sensitivity=where[1], days=days, now=now)
        assert interval_for(kind=kind, sensitivity=2) == days
    assert interval_for(kind=kind, sensitivity=1) == 200
    assert AuditEvent.objects.filter(action="governance.reviewinterval.created").count() == 4

    set_interval(actor=cast.admin, kind=kind, sensitivity=2, days=None, now=now)
    assert interval_for(kind=kind, sensitivity=2) == 200


def test_interval__new_item_without_one__takes_it_from_the_table(cast: Cast) -> None:
    kind = Kind.objects.get(slug="policy")
    set_interval(actor=cast.admin, kind=kind, sensitivity=2, days=30, now=timezone.now())

    strict, given, other = publish(
        cast,
        creation("legal/a-strict", sensitivity="confidential"),
        creation("legal/b-given", sensitivity="confidential", review_interval_days=77),
        creation("legal/c-other", sensitivity="internal"),
    )

    assert (strict.review_interval_days, given.review_interval_days) == (30, 77)
    assert other.review_interval_days == kind.default_review_interval_days


def test_interval__set_by_somebody_else_or_absurd__is_refused(cast: Cast) -> None:
    with pytest.raises(NotPermitted):
        set_interval(actor=cast.owner, kind=None, sensitivity=None, days=10, now=timezone.now())
    with pytest.raises(InvalidInput):
        set_interval(actor=cast.admin, kind=None, sensitivity=None, days=0, now=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        ReviewInterval.objects.create(days=4_000)
    ReviewInterval.objects.create(days=10)
    with pytest.raises(IntegrityError), transaction.atomic():
        ReviewInterval.objects.create(days=20)


def test_queue__of_somebody_without_texts__is_empty(cast: Cast) -> None:
    assert isinstance(cast.outsider, User)
    assert verification_queue(principal=principal_for(cast.outsider), now=timezone.now()) == []
