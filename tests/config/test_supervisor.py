"""The supervisor alone, with harmless children: when it restarts, how long it waits, in which order it stops."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from config.embedded import supervisor as module
from config.embedded.processes import MARK, end_processes, left_from_before
from config.embedded.supervisor import Child, Supervisor

SLEEP = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


@pytest.fixture
def child(tmp_path: Path) -> Callable[..., Child]:
    def make(script: str = SLEEP, *, name: str = "sleeper", patience: float = 5.0) -> Child:
        environment = {**os.environ, MARK: str(tmp_path)}
        return Child(name, [sys.executable, "-c", script], environment, tmp_path / f"{name}.log", patience=patience)

    return make


def test_supervisor__child_ends__is_started_after_a_pause_that_doubles(
    child: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    failing = child("raise SystemExit(3)")
    supervisor = Supervisor(server=None, children=[failing])
    supervisor.look_after(failing)
    pauses = []
    for _ in range(8):
        assert failing.process is not None
        failing.process.wait()
        supervisor.look_after(failing)
        assert failing.process is None  # it waits
        pauses.append(failing.pause)
        clock[0] += failing.pause
        supervisor.look_after(failing)
    failing.clear()

    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_supervisor__child_that_lived_long__is_trusted_again(
    child: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    failing = child("raise SystemExit(3)")
    failing.pause = 30.0
    failing.start()
    assert failing.process is not None
    failing.process.wait()
    clock[0] += module.CALM_SECONDS + 1

    Supervisor(server=None, children=[failing]).look_after(failing)

    assert failing.pause == 0.5


def test_supervisor__stop__kills_the_child_that_does_not_listen(child: Callable[..., Child]) -> None:
    deaf = child(DEAF, patience=0.3)
    deaf.start()
    assert deaf.process is not None
    pid = deaf.process.pid
    while "deaf" not in deaf.log.read_text():
        time.sleep(0.01)
    begun = time.monotonic()
    Supervisor(server=None, children=[deaf]).stop()

    assert 0.3 <= time.monotonic() - begun < 3
    assert not psutil.pid_exists(pid)


def test_supervisor__signal__ends_the_watch_and_a_second_takes_away_the_patience(
    child: Callable[..., Child],
) -> None:
    deaf = child(DEAF, patience=60)
    supervisor = Supervisor(server=None, children=[deaf])
    watching = threading.Thread(target=supervisor.watch)
    watching.start()
    while deaf.process is None or not deaf.log.exists() or "deaf" not in deaf.log.read_text():
        time.sleep(0.01)

    supervisor.hear(signal.SIGINT, None)
    watching.join(5)
    assert not watching.is_alive()

    supervisor.hear(signal.SIGINT, None)
    begun = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - begun < 3


def test_leftovers__of_this_home__are_found_and_ended_and_others_are_not(
    child: Callable[..., Child], tmp_path: Path
) -> None:
    ours, other = child(), child(name="other")
    other.environment = {**other.environment, MARK: "/another/home"}
    ours.start()
    other.start()
    assert ours.process is not None
    assert other.process is not None

    found = left_from_before(tmp_path)
    assert [process.pid for process in found] == [ours.process.pid]
    assert end_processes(found, patience=5) == 1
    assert not psutil.pid_exists(ours.process.pid)
    assert other.process.poll() is None
    other.clear()
