"""The id of the request being served, for the ledger and the logs; must not know how requests arrive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_request_id: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """The id of the request being served, or an empty string outside one."""
    return _request_id.get()


@contextmanager
def during_request(request_id: str) -> Iterator[None]:
    """Within, this is the id of the request; afterwards what the thread does is no longer that request's."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)
