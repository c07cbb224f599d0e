"""Kills processes of a running Plumbline at random, by a seed, and keeps when it killed what."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psutil

from config.embedded.postgres import PrivatePostgres
from tests.faults.conftest import Up

# Which process a victim's name means: a part of the command line of a child of the supervisor.
CHILDREN = {
    "web": "granian",
    "worker": "--hostname worker@",
    "dispatcher": "--hostname runs@",
    "scheduler": " beat ",
    "postgres": "postgres -D",
}


@dataclass(frozen=True)
class Kill:
    """One kill -9: whom, and when."""

    victim: str
    at: float


@dataclass
class Killer:
    """Kills one of its victims after another, `most` times or until told to stop, and starts the broker again."""

    up: Up
    broker: PrivatePostgres
    seed: int
    shortest: float
    longest: float
    most: int
    kills: list[Kill] = field(default_factory=list)

    def work(self, until: Callable[[], bool]) -> None:
        draw = random.Random(self.seed)
        victims: Mapping[str, Callable[[], bool]] = {
            **{name: lambda pattern=pattern: self._kill(pattern) for name, pattern in CHILDREN.items()},
            "one web process": lambda: self._kill_below("granian", draw),
            "one process of the worker": lambda: self._kill_below("--hostname worker@", draw),
            "one back end of PostgreSQL": lambda: self._kill_below("postgres -D", draw),
            "broker": self._kill_broker,
        }
        waiting: list[str] = []
        while len(self.kills) < self.most:
            time.sleep(draw.uniform(self.shortest, self.longest))
            if until():
                return
            # Each once before any twice, in an order of chance.
            if not waiting:
                waiting = draw.sample(sorted(victims), len(victims))
            victim = waiting.pop()
            at = time.time()
            if victims[victim]():
                self.kills.append(Kill(victim, at))

    def _child(self, pattern: str) -> psutil.Process | None:
        for process in psutil.Process(self.up.pid).children():
            with contextlib.suppress(psutil.Error):
                if pattern in " ".join(process.cmdline()):
                    return process
        return None

    def _kill(self, pattern: str) -> bool:
        process = self._child(pattern)
        if process is not None:
            with contextlib.suppress(psutil.Error):
                process.kill()
                return True
        return False

    def _kill_below(self, pattern: str, draw: random.Random) -> bool:
        process = self._child(pattern)
        with contextlib.suppress(psutil.Error):
            below = process.children() if process is not None else []
            if below:
                draw.choice(below).kill()
                return True
        return False

    def _kill_broker(self) -> bool:
        assert self.broker.process is not None
        self.broker.process.kill()
        self.broker.process.wait()
        time.sleep(1.0)  # it is away for a while, longer than anybody may wait for it
        self.broker.start(keep_port=True)
        return True
