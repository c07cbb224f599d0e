"""Writes what was served or refused with its audit event, several requests to a commit; must not decide either.

The ledger has one writer at a time and each commit waits for the disk. So the requests of a process that arrive while
another is being written down wait for it, and are then written in one transaction by the first of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock

from django.db import DatabaseError, OperationalError, connection, transaction

from agents.authentication import AuthenticatedAgent
from context.client_address import current_client_address
from context.errors import DomainError
from context.request_id import current_request_id
from governance.audit import ledger


@dataclass(kw_only=True, slots=True)
class _Waiting:
    """A request's row and event on their way into the database."""

    agent: AuthenticatedAgent
    store: Callable[[], int]
    tell: Callable[[int], ledger.Entry]
    request_id: str
    client: str
    now: datetime
    row_id: int | None = None
    error: Exception | None = None


_queue: list[_Waiting] = []
_queue_lock = Lock()
_writing = Lock()


def record(
    *, agent: AuthenticatedAgent, store: Callable[[], int], tell: Callable[[int], ledger.Entry], now: datetime
) -> int:
    """Run `store`, which inserts a row and returns its id, and append the event that `tell` makes of it.

    Returns once both are committed (or, inside a transaction of the caller's, with it). Either both are or neither.
    """
    own = _Waiting(
        agent=agent,
        store=store,
        tell=tell,
        request_id=current_request_id(),
        client=current_client_address(),
        now=now,
    )
    if connection.in_atomic_block:
        _write([own])
    else:
        with _queue_lock:
            _queue.append(own)
        with _writing:
            if own.row_id is None and own.error is None:
                with _queue_lock:
                    together = _queue[:]
                    _queue.clear()
                _write_each(together)
    if own.error is not None:
        raise own.error
    if own.row_id is None:
        raise RuntimeError("the request was not written down")
    return own.row_id


def _write_each(together: list[_Waiting]) -> None:
    """All in one transaction; where that fails, each in its own, so that one request's fault is not another's."""
    try:
        _write(together)
    except (DatabaseError, DomainError) as error:
        if len(together) == 1 or isinstance(error, OperationalError):  # the latter: there is no database to try again
            for each in together:
                each.error = error
        else:
            for each in together:
                _write_each([each])
    finally:
        for each in together:
            if each.row_id is None and each.error is None:
                each.error = RuntimeError("the request was not written down")


def _write(together: list[_Waiting]) -> None:
    with transaction.atomic():
        ids = [each.store() for each in together]
        entries = [_entry(each, row_id) for each, row_id in zip(together, ids, strict=True)]
        ledger.append_all(actor=together[0].agent.principal, entries=entries, now=together[0].now)
    for each, row_id in zip(together, ids, strict=True):
        each.row_id = row_id


def _entry(waiting: _Waiting, row_id: int) -> ledger.Entry:
    return replace(
        waiting.tell(row_id),
        actor=waiting.agent.principal,
        at=waiting.now,
        request_id=waiting.request_id,
        client=waiting.client,
    )
