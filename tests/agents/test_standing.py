"""An answer that is repeated stands only as long as nothing that made it has changed; what is told is on record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.utils import timezone

from agents import deliveries
from agents.authentication import authenticate
from agents.contracts import terms_of
from agents.deliveries import deliver, stands
from agents.keys import revoke_key
from agents.models import Agent, ContractVersion, Receipt, UnsanctionedUse
from agents.programs import settle_use
from agents.registry import set_state
from context.models import ContextItem
from governance.edits import EditInput
from governance.publishing import publish_change
from governance.verification import verify_items
from tests.agents.conftest import Presented, contract, give
from tests.agents.repeating import Site, commit
from tests.cast import Cast, approve, creation, publish, revision


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def comparer(cast: Cast) -> Presented:
    publish(cast, creation("legal/liability", body="Capped at one year of fees.", owner="owner"))
    return give(cast, contract(cast, [{"key": "legal/liability"}]))


def test_repetition__nothing_changed__same_bytes_without_django_and_a_receipt_each_where_that_is_wanted(
    site: Site, comparer: Presented, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "RECEIPT_FOR_EVERY_DELIVERY", True)
    commit()
    first = site.post(comparer)
    second = site.post(comparer, HTTP_X_REQUEST_ID="the-second")
    assert (first.status, second.status, site.asked) == (200, 200, 1)
    assert first.content == second.content
    assert second.headers["X-Request-Id"] == "the-second"
    assert set(first.headers) == set(second.headers)
    assert first.headers["Plumbline-Receipt"] != second.headers["Plumbline-Receipt"]
    last = Receipt.objects.get(pk=second.headers["Plumbline-Receipt"])
    assert (last.kind, last.request_id, last.client) == ("delivered", "the-second", "10.0.0.7")
    assert last.bundle_id == first.bundle["digest"]


def _revise(cast: Cast, comparer: Presented) -> None:
    publish(cast, revision("legal/liability", body="Capped at two years of fees."))


def _retire(cast: Cast, comparer: Presented) -> None:
    publish(cast, EditInput(operation="retire", key="legal/liability"))


def _hide(cast: Cast, comparer: Presented) -> None:
    publish(cast, revision("legal/liability", sensitivity="confidential"))


def _suspend(cast: Cast, comparer: Presented) -> None:
    set_state(actor=cast.admin, agent=comparer.agent, state="suspended", reason="Misused", now=timezone.now())


def _revoke(cast: Cast, comparer: Presented) -> None:
    revoke_key(actor=cast.admin, key=comparer.key, now=timezone.now())


def _lower(cast: Cast, comparer: Presented) -> None:
    Agent.objects.filter(pk=comparer.agent.pk).update(clearance=0)


def _narrow(cast: Cast, comparer: Presented) -> None:
    comparer.agent.domains.set([cast.sales])


def _take(cast: Cast, comparer: Presented) -> None:
    comparer.agent.contracts.clear()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (_revise, 200),
        (_retire, 409),
        (_hide, 409),
        (_suspend, 403),
        (_revoke, 401),
        (_lower, 409),
        (_narrow, 409),
        (_take, 404),
    ],
)
@pytest.mark.parametrize("holding", [False, True], ids=["repeated", "held"])
def test_repetition__after_a_change__is_judged_anew_at_once(
    site: Site, cast: Cast, comparer: Presented, change: Callable[[Cast, Presented], None], status: int, holding: bool
) -> None:
    commit()
    first = site.post(comparer)
    more = {"HTTP_IF_NONE_MATCH": first.headers["ETag"]} if holding else {}
    assert site.post(comparer, **more).status == (304 if holding else 200)
    assert site.asked == 1
    (remembered,) = site.application._memory._kept.values()
    assert stands(remembered.known.conditions) is not None
    change(cast, comparer)
    commit()
    assert stands(remembered.known.conditions) is None
    told = site.post(comparer, **more)
    assert (told.status, site.asked) == (status, 2)
    if status == 200:
        assert "two years" in told.bundle["entries"][0]["text"]


def test_repetition__program_was_blocked_meanwhile__is_refused(site: Site, cast: Cast, comparer: Presented) -> None:
    program = {"HTTP_USER_AGENT": "shadow/1.0"}
    commit()
    assert [site.post(comparer, **program).status for _ in range(2)] == [200, 200]
    assert site.asked == 1
    seen = UnsanctionedUse.objects.get(name="shadow/1.0")
    settle_use(actor=cast.admin, use=seen, state="blocked", reason="Nobody knows it", now=timezone.now())
    commit()
    assert site.post(comparer, **program).status == 403


def test_repetition__contract_changed__gets_what_the_contract_now_asks_for(
    site: Site, cast: Cast, comparer: Presented
) -> None:
    publish(cast, creation("legal/second", body="Another."))
    commit()
    site.post(comparer)
    contract(cast, [{"key": "legal/liability"}, {"key": "legal/second"}])
    commit()
    assert len(site.post(comparer).bundle["entries"]) == 2


def test_repetition__terms_of_another_contract_with_the_same_number_are_at_hand__are_not_taken_for_its_own(
    site: Site, cast: Cast, comparer: Presented
) -> None:
    # As in a database that was set back: the same number and the same words, but of a contract that came later.
    held = authenticate(f"Bearer {comparer.bearer}").contracts["review"]
    terms_of(*held)
    with pytest.raises(ContractVersion.DoesNotExist):
        terms_of(held.version_id, held.digest, held.contract_id + 1)
    commit()
    site.post(comparer)
    (remembered,) = site.application._memory._kept.values()
    assert f"contract:{held.contract_id}" in remembered.known.conditions.row["subjects"]


def test_repetition__text_begins_or_ends_by_time_alone__is_judged_anew(
    site: Site, cast: Cast, comparer: Presented
) -> None:
    soon = timezone.now() + timedelta(seconds=3)
    publish(cast, revision("legal/liability", body="From then on.", valid_from=soon.isoformat()))
    commit()
    assert "one year" in site.post(comparer).bundle["entries"][0]["text"]
    time.sleep(max(0.0, (soon - timezone.now()).total_seconds()) + 0.05)
    assert site.post(comparer).bundle["entries"][0]["text"] == "From then on."


def test_repetition__verification_that_the_contract_demands_has_passed__is_refused(
    site: Site, cast: Cast, comparer: Presented
) -> None:
    contract(cast, [{"key": "legal/liability", "must_be_verified": True}])
    verify_items(actor=cast.owner, keys=["legal/liability"], now=timezone.now() - timedelta(days=365, seconds=-3))
    ends = ContextItem.objects.get(key="legal/liability").verified_until
    commit()
    first = site.post(comparer)
    assert first.status == 200
    assert first.headers["Plumbline-Lease-Until"] == first.bundle["valid_until"]
    assert ends is not None
    time.sleep(max(0.0, (ends - timezone.now()).total_seconds()) + 0.05)
    assert site.post(comparer, HTTP_IF_NONE_MATCH=first.headers["ETag"]).status == 409


def test_repetition__of_a_past_moment__stands_although_that_is_over(site: Site, comparer: Presented) -> None:
    commit()
    body = {"contract": "review", "as_of": timezone.now().isoformat()}
    assert [site.post(comparer, body).status for _ in range(2)] == [200, 200]
    assert site.asked == 1


def test_repetition__hidden_text_changed__still_stands(site: Site, cast: Cast, comparer: Presented) -> None:
    commit()
    site.post(comparer)
    publish(cast, creation("sales/price", body="Nine."), creation("legal/secret", sensitivity="confidential"))
    commit()
    assert site.post(comparer).status == 200
    assert site.asked == 1


@pytest.mark.parametrize(
    "other",
    [
        {"HTTP_HOST": "localhost"},
        {"CONTENT_TYPE": "application/json; charset=utf-8"},
        {"QUERY_STRING": "a=1"},
        {"HTTP_COOKIE": "sessionid=1"},
        {"HTTP_AUTHORIZATION": "Bearer plk_000000000000_" + "A" * 43},
        {"HTTP_TRANSFER_ENCODING": "chunked"},
        {"HTTP_USER_AGENT": "another/1.0"},
        {"REMOTE_ADDR": "10.0.0.8"},
        {"HTTP_X_FORWARDED_FOR": "10.0.0.9"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_repetition__not_exactly_alike__goes_the_whole_way(
    site: Site, comparer: Presented, other: dict[str, str]
) -> None:
    commit()
    site.post(comparer)
    site.post(comparer, **other)
    assert site.asked == 2


def test_held__digest_of_another_bundle_or_a_star__is_sent_the_bundle(site: Site, comparer: Presented) -> None:
    commit()
    for tag in ('"' + "0" * 64 + '"', "*", "nonsense"):
        assert site.post(comparer, HTTP_IF_NONE_MATCH=tag).status == 200


def test_held__never_delivered_by_this_process__tells_nothing_of_the_text_is_on_record_and_remembered(
    site: Site, cast: Cast, comparer: Presented
) -> None:
    commit()
    first = site.post(comparer)
    other = Site()
    told = other.post(comparer, HTTP_IF_NONE_MATCH=first.headers["ETag"])
    assert (told.status, told.content) == (304, b"")
    assert told.headers["ETag"] == first.headers["ETag"]
    assert "Content-Type" not in told.headers
    assert Receipt.objects.get(pk=told.headers["Plumbline-Receipt"]).kind == "renewed"
    again = other.post(comparer, HTTP_IF_NONE_MATCH=first.headers["ETag"])
    assert (again.status, other.asked) == (304, 1)
    assert set(again.headers) == set(told.headers) - {"Content-Length"}  # Django says of no body that it has none
    whole = other.post(comparer)
    assert (whole.status, whole.content, whole.headers.keys()) == (200, first.content, first.headers.keys())
    assert (other.asked, whole.headers["Content-Type"]) == (1, first.headers["Content-Type"])


def test_read_again__with_its_digest__304_until_rights_are_lost(cast: Cast, comparer: Presented) -> None:
    digest = comparer.bundle()["digest"]
    path, tag = f"/api/v1/bundles/{digest}/", {"HTTP_IF_NONE_MATCH": f'"{digest}"'}
    assert comparer.get(path, **tag).status_code == 304
    _hide(cast, comparer)
    assert comparer.get(path, **tag).status_code == 403


# -- with real commits -------------------------------------------------------------------------------------------------


@pytest.fixture
def world(committed_db: None, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Cast, Presented]]:
    publish(cast, creation("legal/liability", body="Capped at one year of fees."))
    comparer = give(cast, contract(cast, [{"key": "legal/liability"}]))
    yield cast, comparer
    deliveries.close_lanes()


def test_lease__held_and_asked_again__is_recorded_once_and_renewed_past_its_half(
    world: tuple[Cast, Presented], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "BUNDLE_LEASE_SECONDS", 2)
    _, comparer = world
    site = Site()
    first = site.post(comparer)
    tag = {"HTTP_IF_NONE_MATCH": first.headers["ETag"]}
    again = [site.post(comparer, **tag) for _ in range(3)]
    assert [each.status for each in again] == [304, 304, 304]
    assert {each.headers["Plumbline-Statement"] for each in again} == {first.headers["Plumbline-Statement"]}
    sent_again = [site.post(comparer) for _ in range(2)]
    assert [each.content for each in sent_again] == [first.content, first.content]
    assert {each.headers["Plumbline-Receipt"] for each in sent_again} == {first.headers["Plumbline-Receipt"]}
    assert Receipt.objects.count() == 1
    time.sleep(1.1)
    renewed = site.post(comparer, **tag)
    assert (renewed.status, site.asked) == (304, 1)
    assert renewed.headers["Plumbline-Lease-Until"] > first.headers["Plumbline-Lease-Until"]
    on_record = Receipt.objects.order_by("pk").values_list("kind", "repeats")
    assert list(on_record) == [("delivered", 0), ("renewed", 2)]
    elsewhere = site.post(comparer, REMOTE_ADDR="10.0.0.8")
    assert Receipt.objects.get(pk=elsewhere.headers["Plumbline-Receipt"]).client == "10.0.0.8"


def test_lease__every_delivery_is_to_be_on_record__is(
    world: tuple[Cast, Presented], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "RECEIPT_FOR_EVERY_DELIVERY", True)
    _, comparer = world
    site = Site()
    assert [site.post(comparer).status for _ in range(3)] == [200, 200, 200]
    assert (Receipt.objects.count(), site.asked) == (3, 1)


def test_consistency__after_a_publish_returned__no_process_answers_with_the_old_text(
    world: tuple[Cast, Presented],
) -> None:
    cast, comparer = world
    sites = [Site(), Site()]
    for number in range(6):
        for site in sites:
            site.post(comparer)
        held = sites[0].post(comparer).headers["ETag"]
        publish(cast, revision("legal/liability", body=f"Revision {number}."))
        for site in sites:
            assert site.post(comparer, HTTP_IF_NONE_MATCH=held).bundle["entries"][0]["text"] == f"Revision {number}."


def test_publication__not_committed_yet__leaves_the_old_answer_standing(world: tuple[Cast, Presented]) -> None:
    cast, comparer = world
    site = Site()
    first = site.post(comparer)
    change = approve(cast, revision("legal/liability", body="New."))
    ready, go = Barrier(2), Barrier(2)

    def publishing() -> None:
        try:
            with transaction.atomic():
                publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())
                ready.wait(20)
                go.wait(20)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        published = pool.submit(publishing)
        ready.wait(20)
        assert site.post(comparer).content == first.content
        go.wait(20)
        published.result()
    assert site.post(comparer).bundle["entries"][0]["text"] == "New."


def test_deliver__many_at_once__each_has_its_own_receipt_and_a_fault_is_its_own(world: tuple[Cast, Presented]) -> None:
    _, comparer = world
    digest = comparer.bundle()["digest"]
    before = Receipt.objects.count()
    start = Barrier(12)

    def ask(number: int) -> Any:
        row = {
            "kind": "delivered",
            "agent": comparer.agent.pk,
            "prefix": comparer.key.prefix,
            "bundle": digest if number else "0" * 64,
            "request_id": f"request-{number}",
            "client": "",
            "task_digest": "",
        }
        start.wait()
        try:
            delivered = deliver(row)
            assert delivered is not None
            return delivered.receipt_id
        except (psycopg.Error, ValueError) as error:
            return type(error).__name__
        finally:
            connections.close_all()

    with ThreadPoolExecutor(12) as pool:
        told = list(pool.map(ask, range(12)))
    assert told[0] == "ForeignKeyViolation"
    assert len(set(told[1:])) == 11
    written = dict(Receipt.objects.filter(pk__in=told[1:]).values_list("pk", "request_id"))
    assert [written[number] for number in told[1:]] == [f"request-{number}" for number in range(1, 12)]
    assert Receipt.objects.count() == before + 11


def test_deliver__connection_lost_in_between__is_made_anew_and_nothing_remembered_survives_it(
    world: tuple[Cast, Presented],
) -> None:
    _, comparer = world
    site = Site()
    site.post(comparer)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
        )
    assert site.post(comparer).status == 200
    assert Receipt.objects.count() >= 2
    site.post(comparer)
    assert site.asked == 2
