"""Starts child processes that do not outlive their supervisor, and finds those that did; knows no service."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

# Every child carries its home in this variable: the proof, for a later supervisor, that a process is ours.
MARK = "PLUMBLINE_SUPERVISED_IN"
_SET_PARENT_DEATH_SIGNAL = 1
# Looked up here, because between fork and exec a child should need no lock that another thread might hold.
_PRCTL = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


@dataclass(frozen=True)
class Account:
    """The unprivileged user that runs PostgreSQL when the supervisor is root."""

    name: str
    uid: int
    gid: int


def dying_with_parent(parent_death_signal: int) -> Callable[[], None]:
    """What a child does between fork and exec: ask the kernel for a signal when its parent dies."""
    parent = os.getpid()

    def arm() -> None:
        if _PRCTL is None:
            return
        _PRCTL(_SET_PARENT_DEATH_SIGNAL, int(parent_death_signal), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the request
            os._exit(1)

    return arm


def start_process(
    *,
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path | IO[bytes],
    parent_death_signal: int = signal.SIGTERM,
    account: Account | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, its output appended to a log; `account` is dropped to before exec."""
    handle = log.open("ab") if isinstance(log, Path) else log
    try:
        return subprocess.Popen(
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=dying_with_parent(parent_death_signal),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=() if account else None,
        )
    finally:
        if isinstance(log, Path):
            handle.close()


def kill_group(leader: int, *, sent: int = signal.SIGKILL) -> None:
    """Signal all that is left of a child's process group; a group that is gone is no error."""
    try:
        os.killpg(leader, sent)
    except (ProcessLookupError, PermissionError):
        return


def left_from_before(home: Path) -> list[psutil.Process]:
    """Processes that an earlier supervisor of this home started and that still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(home):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def end_processes(processes: Sequence[psutil.Process], *, patience: float) -> int:
    """Ask processes to end, then kill those that do not within `patience` seconds; the number that ran."""
    for process in processes:
        _send(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=patience)
    for process in alive:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)
    return len(processes)


def _send(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return


def wait_until(condition: Callable[[], bool], *, seconds: float, pause: float = 0.05) -> bool:
    """Ask again and again until the condition holds or the time is over; whether it held."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(pause)
    return condition()
