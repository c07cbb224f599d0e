"""Keeps the server's processes running: restarts what dies, and stops all in order; knows nothing of what they do."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from config.embedded.calm import say
from config.embedded.failures import CannotContinue
from config.embedded.postgres import PrivatePostgres
from config.embedded.processes import kill_group, start_process

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LONGEST_PAUSE_SECONDS = 30.0
# A child that lived this long is trusted again: one that cannot start dies sooner, one that was killed is wanted back.
CALM_SECONDS = 10.0


@dataclass
class Child:
    """One supervised process. `patience` is how long it may take to stop before it is killed, in seconds."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    patience: float
    orphan_signal: int = signal.SIGTERM  # what it gets when the supervisor itself is killed
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause: float = 0.0
    due_at: float = 0.0

    def start(self) -> None:
        """Start it, in a process group of its own."""
        self.process = start_process(
            command=self.command,
            environment=self.environment,
            log=self.log,
            parent_death_signal=self.orphan_signal,
        )
        self.started_at = time.monotonic()

    def ended(self) -> int | None:
        """The exit code, once it has ended; its process group is then cleared of what it left."""
        if self.process is None:
            return None
        code = self.process.poll()
        if code is not None:
            kill_group(self.process.pid)
            self.process = None
        return code

    def ask_to_stop(self) -> None:
        """Send the signal that every one of our servers takes as a request to finish and leave."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()

    def clear(self) -> None:
        """Kill what is left of its process group."""
        if self.process is not None:
            kill_group(self.process.pid)
            self.process.wait()
            self.process = None


@dataclass
class Supervisor:
    """Children start in the given order, after PostgreSQL, and stop in the same order, before PostgreSQL."""

    server: PrivatePostgres | None
    children: Sequence[Child]
    impatient: bool = False
    stopping: bool = False
    _wake: tuple[int, int] = field(default_factory=os.pipe)

    def watch(self) -> None:
        """Look after the children until a stop signal arrives."""
        while not self.stopping:
            if self.server is not None and self.server.process is not None and self.server.process.poll() is not None:
                self.restart_server()
            for child in self.children:
                self.look_after(child)
            readable, _, _ = select.select([self._wake[0]], [], [], 0.2)
            if readable:
                os.read(self._wake[0], 64)

    def look_after(self, child: Child) -> None:
        """Notice an end, and start again when the pause is over: at once at first, then ever more slowly."""
        now = time.monotonic()
        code = child.ended()
        if code is not None:
            calm = now - child.started_at > CALM_SECONDS
            child.pause = 0.5 if calm or not child.pause else min(child.pause * 2, LONGEST_PAUSE_SECONDS)
            child.due_at = now + child.pause
            say(f"  {child.name} ended ({reason_of(code)}); starting it again in {child.pause:.1f} s, see {child.log}")
        if child.process is None and now >= child.due_at:
            child.start()

    def restart_server(self) -> None:
        """Bring PostgreSQL back before anything else is looked after."""
        assert self.server is not None
        code = self.server.process.returncode if self.server.process else 0
        say(f"  PostgreSQL ended ({reason_of(code)}); starting it again, see {self.server.log}")
        pause = 0.5
        while not self.stopping:
            started = time.monotonic()
            try:
                self.server.start(keep_port=True)
            except CannotContinue as failure:
                say(f"  {failure.problem} Trying again in {pause:.0f} s.")
                select.select([self._wake[0]], [], [], pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                say(f"  PostgreSQL answers again after {time.monotonic() - started:.1f} s")
                return

    def stop(self) -> None:
        """Ask web, scheduler and workers in this order, wait for all, then stop PostgreSQL.

        What a last request hands to the worker is kept by the broker. A second signal takes away the patience.
        """
        for child in self.children:
            child.ask_to_stop()
        asked_at = time.monotonic()
        for child in self.children:
            while child.process is not None and child.process.poll() is None and not self.impatient:
                if time.monotonic() - asked_at > child.patience:
                    break
                time.sleep(0.02)
            child.clear()
        if self.server is not None:
            self.server.stop()

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: the first asks for a clean stop, the second for a quick one."""
        self.impatient = self.stopping
        self.stopping = True
        os.write(self._wake[1], b"!")


def reason_of(code: int) -> str:
    """`signal 9` or `exit code 1`."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"


@contextlib.contextmanager
def hearing(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let `handler` take the stop signals inside the block, also where the shell had them ignored."""
    before = {number: signal.signal(number, handler) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
