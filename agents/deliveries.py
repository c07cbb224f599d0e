"""Writes receipts and confirms standing answers, the requests of a process together; must not decide what is served.

A commit waits for the disk, and each round trip costs more than what it asks. So requests that arrive while others are
being written wait, and then go into the database in one statement and one commit. Nobody is answered before its own
receipt is committed. See docs/decisions/what-a-receipt-proves.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

import orjson
import psycopg
from django.db import OperationalError, connection
from psycopg.pq import ExecStatus

from context.statements import rows

# Connections of their own that a process keeps for this: while one waits for the disk, the next takes what has come.
LANES = 2
MOST_TOGETHER = 64
_CALL = "SELECT place, receipt, judged_at FROM plumbline_deliver"
_RAW = f"{_CALL}($1::jsonb, $2::boolean, $3::bytea[])".encode()
_THROUGH_DJANGO = f"{_CALL}(%(asked)s::jsonb, %(writes)s::boolean, %(bodies)s::bytea[])"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """A request that stands, with the number of its receipt where one was written, at the database's time."""

    receipt_id: int | None
    at: datetime


@dataclass(slots=True)
class _Waiting:
    """A request on its way into the database. `signal` is let go when it is answered or is to take others along."""

    row: Mapping[str, Any]
    body: bytes | None
    signal: Lock = field(default_factory=Lock)
    lane: _Lane | None = None
    batch: list[_Waiting] = field(default_factory=list)
    answered: bool = False
    answer: Delivered | None = None
    error: Exception | None = None


def deliver(row: Mapping[str, Any], body: bytes | None = None) -> Delivered | None:
    """Write the receipt that `row` asks for, and the bundle it names where a `body` is given; committed on return.

    None where the row states an epoch and its answer no longer stands: nothing is written then. Inside a transaction
    of the caller's it belongs to that. `row` has the names of `plumbline_deliver` (agents/migrations/0009).
    """
    own = _Waiting(row=row, body=body)
    if connection.in_atomic_block:
        _answer([own], _ask_django(*_statement([own])))
    else:
        _through_a_lane(own)
    if own.error is not None:
        raise own.error
    return own.answer


def on_new_connection(forget: Callable[[], None]) -> None:
    """Call `forget` whenever a connection is made anew: the database behind it may be another one, or an older copy."""
    _forgetting.append(forget)


class _Lane:
    """One connection, used by one thread at a time."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._of: tuple[Any, ...] = ()

    def ask(self, asked: bytes, writes: bytes, bodies: bytes | None) -> list[tuple[int, int | None, datetime]]:
        """Run the statement; once more where the connection had been lost. At worst that leaves a second receipt."""
        try:
            return self._ask(asked, writes, bodies)
        except psycopg.OperationalError:
            self.close()
            try:
                return self._ask(asked, writes, bodies)
            except psycopg.OperationalError as error:
                self.close()
                raise OperationalError(str(error)) from error

    def _ask(self, asked: bytes, writes: bytes, bodies: bytes | None) -> list[tuple[int, int | None, datetime]]:
        raw = self._open().pgconn
        result = raw.exec_prepared(b"deliver", [asked, writes, bodies])
        if result.status != ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result, encoding="utf-8")
        found = []
        for place in range(result.ntuples):
            receipt = result.get_value(place, 1)
            said = result.get_value(place, 2) or b""
            found.append(
                (
                    int(result.get_value(place, 0) or 0),
                    int(receipt) if receipt is not None else None,
                    datetime.fromisoformat(said.decode()),
                )
            )
        return found

    def _open(self) -> psycopg.Connection[Any]:
        wanted = tuple(connection.settings_dict[name] for name in ("NAME", "HOST", "PORT", "USER"))
        held = self._connection
        if held is not None and self._of == wanted and not held.closed:
            return held
        self.close()
        told = connection.get_connection_params()
        kept = {name: told[name] for name in told if name not in ("context", "cursor_factory", "prepare_threshold")}
        kept["options"] = f"{kept.get('options', '')} -c timezone=UTC -c datestyle=ISO"
        made = psycopg.connect(**kept, autocommit=True)
        result = made.pgconn.prepare(b"deliver", _RAW)
        if result.status != ExecStatus.COMMAND_OK:
            made.close()
            raise psycopg.errors.error_from_result(result, encoding="utf-8")
        for forget in _forgetting:
            forget()
        self._connection, self._of = made, wanted
        return made

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_forgetting: list[Callable[[], None]] = []
_lock = Lock()
_queue: list[_Waiting] = []
_idle: list[_Lane] = [_Lane() for _ in range(LANES)]


def _begin_anew() -> None:
    """In a forked process: the parent's connections are not ours, and nobody who waited there waits here."""
    global _lock
    _lock = Lock()
    _queue.clear()
    _idle[:] = [_Lane() for _ in range(LANES)]


def close_lanes() -> None:
    """End the connections that are not in use. They are opened again when they are needed."""
    with _lock:
        for lane in _idle:
            lane.close()


os.register_at_fork(after_in_child=_begin_anew)


def _through_a_lane(own: _Waiting) -> None:
    with _lock:
        _queue.append(own)
        lane = _idle.pop() if _idle else None
        batch = _take() if lane is not None else []
        if lane is None:
            own.signal.acquire()
    if lane is None:
        own.signal.acquire()  # until it is answered, or others and itself are its to take along
        if own.answered:
            return
        lane, batch = own.lane, own.batch
    assert lane is not None
    try:
        _write(lane, batch)
    finally:
        _pass_on(lane)
        for each in batch:
            if not each.answered:
                each.error = each.error or RuntimeError("the request was not written down")
                each.answered = True
            if each is not own:
                each.signal.release()


def _take() -> list[_Waiting]:
    batch = _queue[:MOST_TOGETHER]
    del _queue[:MOST_TOGETHER]
    return batch


def _pass_on(lane: _Lane) -> None:
    """Let the first who waits take the lane and all who wait with it."""
    with _lock:
        if not _queue:
            _idle.append(lane)
            return
        batch = _take()
        first = batch[0]
        first.lane, first.batch = lane, batch
    first.signal.release()


def _write(lane: _Lane, batch: list[_Waiting]) -> None:
    """All in one statement; where it fails, each by itself, so that one request's fault is not another's."""
    try:
        _answer(batch, lane.ask(*_statement(batch)))
    except OperationalError as error:  # there is no database to try again
        for each in batch:
            each.error, each.answered = error, True
    except (psycopg.Error, ValueError, TypeError) as error:
        if len(batch) == 1:
            batch[0].error, batch[0].answered = error, True
            return
        for each in batch:
            _write(lane, [each])


def _statement(batch: list[_Waiting]) -> tuple[bytes, bytes, bytes | None]:
    asked, bodies, writes = [], [], False
    for place, each in enumerate(batch):
        row = {**each.row, "place": place}
        if each.body is not None:
            bodies.append(b'"\\\\x' + each.body.hex().encode() + b'"')
            row["body"] = len(bodies)
        writes = writes or "kind" in row
        asked.append(row)
    return orjson.dumps(asked), b"t" if writes else b"f", b"{" + b",".join(bodies) + b"}" if bodies else None


def _ask_django(asked: bytes, writes: bytes, bodies: bytes | None) -> list[tuple[int, int | None, datetime]]:
    said = {
        "asked": asked.decode(),
        "writes": writes == b"t",
        "bodies": bodies.decode() if bodies is not None else None,
    }
    return [(place, receipt, at) for place, receipt, at in rows(_THROUGH_DJANGO, said)]


def _answer(batch: list[_Waiting], found: list[tuple[int, int | None, datetime]]) -> None:
    for place, receipt_id, at in found:
        batch[place].answer = Delivered(receipt_id=receipt_id, at=at)
    for each in batch:
        each.answered = True
