"""The id of the request being served, for the ledger and the logs; must not know how requests arrive."""

from __future__ import annotations

from contextvars import ContextVar

_request_id: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """The id of the request being served, or an empty string outside one."""
    return _request_id.get()


def set_request_id(request_id: str) -> None:
    _request_id.set(request_id)
