"""A run that waits wakes who sends runs out: after its commit, never before, and without waiting for a broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from kombu.exceptions import OperationalError

from agents.runs import waking
from agents.runs.leases import claim_run, take_back_expired
from agents.runs.waking import TASK, Waker
from tests.cast import Cast
from tests.runs.conftest import LATER, NOW, Runner, started


class Broker:
    """Takes messages, or is away."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.away = False

    def send_task(self, name: str, **more: Any) -> None:
        assert more["retry"] is False
        if self.away:
            raise OperationalError("connection refused")
        self.sent.append(name)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Broker:
    settings.CELERY_BROKER_URL = "pgmq://somewhere/"
    monkeypatch.setattr(waking, "GATHERED_SECONDS", 0.02)
    taking = Broker()
    monkeypatch.setattr(waking, "current_app", taking)
    return taking


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """How often the waker of this process was asked."""
    times: list[None] = []
    monkeypatch.setattr(waking._waker, "ask", lambda: times.append(None))
    return times


def soon(condition: Callable[[], object]) -> None:
    ends_at = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_commit__of_a_run_that_waits__wakes_once_it_is_there(
    cast: Cast, scorer: Runner, asked: list[None], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        started(cast, scorer)
        assert asked == []
    assert len(asked) == 1
    with django_capture_on_commit_callbacks(execute=True):
        claim_run(agent=scorer.known, now=NOW)
    assert len(asked) == 1
    with django_capture_on_commit_callbacks(execute=True):
        assert take_back_expired(now=LATER) == 1
    assert len(asked) == 2


def test_commit__that_is_undone__wakes_nobody(
    cast: Cast, scorer: Runner, asked: list[None], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        started(cast, scorer)
        transaction.set_rollback(True)
    assert asked == []


def test_waker__asked_many_times__sends_few_messages_and_the_last_ask_is_heard(broker: Broker) -> None:
    waker = Waker()
    for _ in range(200):
        waker.ask()
    soon(lambda: broker.sent)
    time.sleep(0.1)
    assert set(broker.sent) == {TASK}
    assert len(broker.sent) < 10
    before = len(broker.sent)
    waker.ask()
    soon(lambda: len(broker.sent) > before)


def test_waker__broker_is_away__the_asker_goes_on_and_later_asks_are_heard(broker: Broker) -> None:
    waker = Waker()
    broker.away = True
    waker.ask()
    time.sleep(0.05)
    broker.away = False
    waker.ask()
    soon(lambda: broker.sent)


def test_waker__no_broker_that_anybody_reads__sends_nothing(broker: Broker, settings: Any) -> None:
    settings.CELERY_BROKER_URL = "memory://"
    waker = Waker()
    waker.ask()
    time.sleep(0.05)
    assert broker.sent == []
