"""Wakes whoever sends runs out, once a run that waits is committed; must not send one, and nothing hangs on it.

A message that is lost, or a broker that is away, costs the seconds until the schedule looks by itself
(`CELERY_BEAT_SCHEDULE`). So nobody waits for the broker: one thread of the process tells it, and the runs of a moment
are one message.
"""

from __future__ import annotations

import logging
from threading import Event, Lock, Thread
from time import sleep

import psycopg
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

TASK = "agents.runs.tasks.push_runs"
EXPIRES_SECONDS = 5  # by then the schedule has looked
GATHERED_SECONDS = 0.1
NOBODY_LISTENS = "memory://"  # the broker of development and tests, which no worker reads


class Waker:
    """Sends one message for whatever was asked since the last, from a thread of its own."""

    def __init__(self) -> None:
        self._asked, self._starting = Event(), Lock()
        self._thread: Thread | None = None

    def ask(self) -> None:
        """Have a message sent soon. Returns at once, whether or not the broker is there."""
        if settings.CELERY_BROKER_URL.startswith(NOBODY_LISTENS):
            return
        self._asked.set()
        with self._starting:
            # None lives in a process that was just forked, and one that met something unforeseen has ended.
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._send_on, name="waker", daemon=True)
                self._thread.start()

    def _send_on(self) -> None:
        while self._asked.wait():
            self._asked.clear()
            try:
                current_app.send_task(TASK, expires=EXPIRES_SECONDS, retry=False, ignore_result=True)
            except (OperationalError, psycopg.Error, OSError) as error:
                log.info("the broker was not told that a run waits: %s", type(error).__name__)
            sleep(GATHERED_SECONDS)


_waker = Waker()


def wake_after_commit() -> None:
    """Have runs sent out as soon as the transaction is committed; not at all where it is undone."""
    transaction.on_commit(_waker.ask, robust=True)
