"""Who waits for a change hears of those that concern it, soon, and of no others; and few can wait at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

import pytest
from django.db import connections
from django.utils import timezone

from agents import subscriptions
from agents.keys import revoke_key
from tests.agents.conftest import Presented, contract, give
from tests.agents.repeating import commit
from tests.cast import Cast, creation, publish, revision


def ask(agent: Presented, *, since: str = "", wait: int = 0, slug: str = "review") -> tuple[int, dict[str, object]]:
    answer = agent.get(f"/api/v1/contracts/{slug}/changes/?since={since}&wait={wait}")
    return answer.status_code, json.loads(answer.content)


def state(agent: Presented) -> str:
    commit()
    status, told = ask(agent)
    assert status == 200
    return str(told["state"])


@pytest.fixture(params=[0, 8], ids=["required texts alone", "with matches"])
def comparer(request: pytest.FixtureRequest, cast: Cast) -> Presented:
    publish(cast, creation("legal/liability", body="Capped."))
    return give(cast, contract(cast, [{"key": "legal/liability"}], most_matches=request.param))


def test_state__text_of_the_contract_changed__is_another(cast: Cast, comparer: Presented) -> None:
    before = state(comparer)
    assert state(comparer) == before
    publish(cast, revision("legal/liability", body="Capped higher."))
    assert state(comparer) != before


def test_state__hidden_text_changed__is_the_same(cast: Cast, comparer: Presented) -> None:
    before = state(comparer)
    publish(cast, creation("sales/price"), creation("legal/secret", sensitivity="confidential"))
    publish(cast, revision("legal/secret", body="Still secret."))
    assert state(comparer) == before


def test_state__of_two_agents__tells_neither_of_the_other(cast: Cast, comparer: Presented) -> None:
    other = give(cast, contract(cast, [{"key": "legal/liability"}], slug="second"), slug="other")
    assert ask(other, slug="second")[1]["state"] != state(comparer)
    assert ask(other)[0] == 404


def test_wait__state_known_to_be_old__is_answered_at_once(comparer: Presented) -> None:
    begun = time.monotonic()
    status, told = ask(comparer, since="an-old-one", wait=30)
    assert (status, told["changed"]) == (200, True)
    assert time.monotonic() - begun < 5


def test_wait__nothing_changes__says_so_when_the_time_is_over(comparer: Presented) -> None:
    status, told = ask(comparer, since=state(comparer), wait=1)
    assert (status, told["changed"]) == (200, False)


@pytest.mark.parametrize("wait", ["31", "-1", "soon"])
def test_wait__for_what_is_no_time__is_refused(comparer: Presented, wait: str) -> None:
    assert comparer.get(f"/api/v1/contracts/review/changes/?wait={wait}").status_code in (400, 422)


def test_wait__every_seat_taken__is_told_at_once_when_to_come_again(
    comparer: Presented, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr(subscriptions, "_seats", taken)
    answer = comparer.get(f"/api/v1/contracts/review/changes/?since={state(comparer)}&wait=30")
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert json.loads(answer.content)["type"].endswith("/too-many-wait")


@pytest.fixture
def waiting(committed_db: None, cast: Cast) -> tuple[Cast, Presented]:
    publish(cast, creation("legal/liability", body="Capped."))
    return cast, give(cast, contract(cast, [{"key": "legal/liability"}]))


def _publish(cast: Cast, agent: Presented) -> None:
    publish(cast, revision("legal/liability", body="Capped higher."))


def _revoke(cast: Cast, agent: Presented) -> None:
    revoke_key(actor=cast.admin, key=agent.key, now=timezone.now())


@pytest.mark.parametrize(("change", "status"), [(_publish, 200), (_revoke, 401)])
def test_wait__change_meanwhile__ends_it_soon(
    waiting: tuple[Cast, Presented], change: Callable[[Cast, Presented], None], status: int
) -> None:
    cast, comparer = waiting
    known = str(ask(comparer)[1]["state"])

    def wait() -> tuple[int, float]:
        try:
            found, _ = ask(comparer, since=known, wait=25)
            return found, time.monotonic()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(wait)
        time.sleep(0.8)
        change(cast, comparer)
        changed = time.monotonic()
        told, at = waiter.result()
    assert told == status
    assert at - changed < 8
