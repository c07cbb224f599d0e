"""What the two commands print: short lines, each with the time it took; nothing else writes to the terminal."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

_WIDTH = 44


def say(line: str = "") -> None:
    """Print a line; a reader that went away (a closed pipe) must not stop the server."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Name a step while it runs, and its time when it is done; on a terminal the seconds count up."""
    started = time.monotonic()
    terminal = sys.stdout.isatty()
    done = threading.Event()

    def count() -> None:
        while not done.wait(1.0):
            _show(f"\r  {what} … {time.monotonic() - started:.0f} s")

    if terminal:
        _show(f"  {what} …")
    counter = threading.Thread(target=count, daemon=True)
    if terminal:
        counter.start()
    finished = False
    try:
        yield
        finished = True
    finally:
        done.set()
        if terminal:
            counter.join()
            _show("\r\x1b[K")
        if finished:
            say(f"  {what:<{_WIDTH}} {time.monotonic() - started:5.1f} s")


def _show(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(text)
        sys.stdout.flush()
