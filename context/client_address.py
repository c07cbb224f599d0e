"""The network address that the request being served came from, for the ledger; must not know how requests arrive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_client_address: ContextVar[str] = ContextVar("client_address", default="")


def current_client_address() -> str:
    """The address of whoever sent the request being served, or an empty string outside one."""
    return _client_address.get()


@contextmanager
def during_request_from(address: str) -> Iterator[None]:
    """Within, what is recorded was asked for from this address."""
    token = _client_address.set(address)
    try:
        yield
    finally:
        _client_address.reset(token)
