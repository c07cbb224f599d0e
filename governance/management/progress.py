"""Shows how far a long command is: a bar on a terminal, a line now and then elsewhere; must not say what came of it."""

from __future__ import annotations

import time
from typing import IO

WIDTH = 30
SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_DRAWS = 0.1


class Progress:
    """Call it with what is being done, how many are done, and of how many."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._draws = bool(getattr(stream, "isatty", lambda: False)())
        self._next = 0.0 if self._draws else time.monotonic() + SECONDS_BETWEEN_LINES

    def __call__(self, doing: str, done: int, total: int) -> None:
        now = time.monotonic()
        finished = done >= total
        if self._draws and (finished or now >= self._next):
            filled = WIDTH * done // max(total, 1)
            bar = "█" * filled + "·" * (WIDTH - filled)
            self._stream.write(f"\r{doing} {bar} {done:,} of {total:,}" + ("\n" if finished else ""))
            self._next = now + SECONDS_BETWEEN_DRAWS
        elif not self._draws and now >= self._next and not finished:
            self._stream.write(f"{doing}: {done:,} of {total:,}\n")
            self._next = now + SECONDS_BETWEEN_LINES
        else:
            return
        self._stream.flush()
