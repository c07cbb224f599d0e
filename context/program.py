"""The program that sent the request being served, as it names itself; must not know how requests arrive or trust it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LONGEST_NAME = 200

_program: ContextVar[str] = ContextVar("program", default="")


def current_program() -> str:
    """What the program calls itself (its User-Agent), or an empty string where it does not say or none is there."""
    return _program.get()


@contextmanager
def during_request_by(program: str) -> Iterator[None]:
    """Within, requests come from this program."""
    token = _program.set(program[:LONGEST_NAME])
    try:
        yield
    finally:
        _program.reset(token)
