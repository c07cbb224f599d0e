"""Writes receipts and confirms standing answers, the requests of a process together; must not decide what is served.

A commit waits for the disk, and each round trip costs more than what it asks. So requests that arrive while others are
being written wait, and then go into the database in one statement and one commit. Nobody is answered before its own
receipt is committed. See docs/decisions/what-a-receipt-proves.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

import orjson
import psycopg
from django.db import OperationalError, connection
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from context.remembered import forget_the_database
from context.statements import rows

# Connections of their own that a process keeps for this: while one waits for the disk, the next takes what has come.
# What is only judged waits for no disk, and the more of it goes together the better: it takes one of them at a time. A
# confirmation took the server and the database 126 µs so, and 150 where it took both.
LANES = 2
MOST_TOGETHER = 64
# Whether one answer still stands: what most requests ask, and many of them the same at once. The moment of the
# judgement, or no row.
_STANDS = b"""
SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
FROM agents_agentkey key JOIN agents_agent agent ON agent.id = key.agent_id
WHERE key.id = $1::bigint AND key.revoked_at IS NULL AND agent.state = 'sanctioned'
AND least(key.expires_at, key.grace_until, $2::timestamptz) > clock_timestamp()
AND NOT EXISTS (
    SELECT FROM context_epoch moved WHERE moved.value > $3::bigint AND (
        moved.subject = ANY ($4::text[])
        OR (moved.sensitivity <= $5::integer AND moved.domain_id = ANY ($6::bigint[])
            AND (moved.audience_ids = '{}' OR moved.audience_ids && $7::integer[]))
    )
)
"""
_CALL = """
SELECT place, receipt, to_char(judged_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM plumbline_deliver"""
_DELIVER = f"{_CALL}($1::jsonb, $2::boolean, nullif($3::bytea[], '{{}}'))".encode()
_THROUGH_DJANGO = f"{_CALL}(%(asked)s::jsonb, %(writes)s::boolean, nullif(%(bodies)s::bytea[], '{{}}'))"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """A request that stands, with the number of its receipt where one was written, and the database's time in words."""

    receipt_id: int | None
    at: str


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """On which an answer stands, as `plumbline_deliver` reads them, and as the parameters of a statement of their own.

    Requests that bring the very same one are judged together.
    """

    row: Mapping[str, Any]
    parameters: Sequence[bytes]


def conditions_of(
    *,
    key: int,
    until: datetime,
    epoch: int,
    subjects: Sequence[str],
    clearance: int,
    domains: Sequence[int],
    groups: Sequence[int],
) -> Conditions:
    """The key holds, `until` has not come, and nothing that concerns its reader has changed since `epoch`."""
    row = {
        "key": key,
        "until": until,
        "epoch": epoch,
        "subjects": subjects,
        "clearance": clearance,
        "domains": domains,
        "groups": groups,
    }
    told = (
        str(key),
        until.isoformat(),
        str(epoch),
        _array(subjects),
        str(clearance),
        _array(domains),
        _array(groups),
    )
    return Conditions(row=row, parameters=tuple(each.encode() for each in told))


def _array(values: Sequence[object]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


@dataclass(slots=True)
class _Waiting:
    """A request on its way into the database. `signal` is let go when it is answered or is to take others along."""

    row: Mapping[str, Any]
    body: bytes | None = None
    conditions: Conditions | None = None
    signal: Lock = field(default_factory=Lock)
    lane: _Lane | None = None
    batch: list[_Waiting] = field(default_factory=list)
    answered: bool = False
    answer: Delivered | None = None
    error: Exception | None = None


def stands(conditions: Conditions) -> Delivered | None:
    """Whether an answer stands on these conditions now; writes nothing. Judged after this was called."""
    if connection.in_atomic_block:
        found = _values(connection.connection.pgconn.exec_params(_STANDS, conditions.parameters))
        return Delivered(receipt_id=None, at=(found[0][0] or b"").decode()) if found else None
    own = _Waiting(row=conditions.row, conditions=conditions)
    _through_a_lane(own)
    if own.error is not None:
        raise own.error
    return own.answer


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


class _Lane:
    """One connection, used by one thread at a time."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._of: tuple[Any, ...] = ()

    def deliver(self, asked: bytes, writes: bytes, bodies: bytes) -> _Found:
        """Run the statement; once more where the connection had been lost. At worst that leaves a second receipt."""
        found = []
        for place, receipt, at in self._run(b"deliver", [asked, writes, bodies]):
            found.append((int(place or 0), int(receipt) if receipt is not None else None, (at or b"").decode()))
        return found

    def stands(self, conditions: Conditions) -> str | None:
        """The moment for which it was judged that these hold; None where they do not."""
        found = self._run(b"stands", conditions.parameters)
        return (found[0][0] or b"").decode() if found else None

    def _run(self, name: bytes, parameters: Sequence[bytes]) -> list[tuple[bytes | None, ...]]:
        try:
            return self._run_once(name, parameters)
        except psycopg.OperationalError:
            self.close()
            try:
                return self._run_once(name, parameters)
            except psycopg.OperationalError as error:
                self.close()
                raise OperationalError(str(error)) from error

    def _run_once(self, name: bytes, parameters: Sequence[bytes]) -> list[tuple[bytes | None, ...]]:
        return _values(self._open().pgconn.exec_prepared(name, parameters))

    def _open(self) -> psycopg.Connection[Any]:
        stated, held = connection.settings_dict, self._connection
        wanted = (stated["NAME"], stated["PORT"], stated["USER"])
        if held is not None and self._of == wanted:
            return held
        self.close()
        told = connection.get_connection_params()
        kept = {name: told[name] for name in told if name not in ("context", "cursor_factory", "prepare_threshold")}
        kept["options"] = f"{kept.get('options', '')} -c plan_cache_mode=force_generic_plan"
        made = psycopg.connect(**kept, autocommit=True)
        for name, statement in ((b"deliver", _DELIVER), (b"stands", _STANDS)):
            result = made.pgconn.prepare(name, statement)
            if result.status != ExecStatus.COMMAND_OK:
                made.close()
                raise psycopg.errors.error_from_result(result, encoding="utf-8")
        forget_the_database()
        self._connection, self._of = made, wanted
        return made

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _values(result: PGresult) -> list[tuple[bytes | None, ...]]:
    """The rows of a result as text. Raises what went wrong."""
    if result.status != ExecStatus.TUPLES_OK:
        raise psycopg.errors.error_from_result(result, encoding="utf-8")
    return [tuple(result.get_value(row, column) for column in range(result.nfields)) for row in range(result.ntuples)]


_Found = list[tuple[int, int | None, str]]
_lock = Lock()
_to_judge: list[_Waiting] = []
_to_write: list[_Waiting] = []
_judging = False
_idle: list[_Lane] = [_Lane() for _ in range(LANES)]


def _begin_anew() -> None:
    """In a forked process: the parent's connections are not ours, and nobody who waited there waits here."""
    global _lock, _judging
    _lock, _judging = Lock(), False
    _to_judge.clear()
    _to_write.clear()
    _idle[:] = [_Lane() for _ in range(LANES)]


def close_lanes() -> None:
    """End the connections that are not in use. They are opened again when they are needed."""
    with _lock:
        for lane in _idle:
            lane.close()


os.register_at_fork(after_in_child=_begin_anew)


def _through_a_lane(own: _Waiting) -> None:
    with _lock:
        (_to_write if own.conditions is None else _to_judge).append(own)
        batch = _take() if _idle else []
        lane = _idle.pop() if batch else None
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
        _pass_on(lane, batch)
        for each in batch:
            if not each.answered:
                each.error = each.error or RuntimeError("the request was not written down")
                each.answered = True
            if each is not own:
                each.signal.release()


def _take() -> list[_Waiting]:
    """Who goes next together, with `_lock` held; nobody where all who wait are to be judged and others are just now."""
    global _judging
    queue = _to_write if _judging or not _to_judge else _to_judge
    batch = queue[:MOST_TOGETHER]
    del queue[:MOST_TOGETHER]
    _judging = _judging or queue is _to_judge
    return batch


def _pass_on(lane: _Lane, done: list[_Waiting]) -> None:
    """Let the first who waits take the lane and all who wait with it."""
    global _judging
    with _lock:
        if done[0].conditions is not None:
            _judging = False
        batch = _take()
        if not batch:
            _idle.append(lane)
            return
        first = batch[0]
        first.lane, first.batch = lane, batch
    first.signal.release()


def _write(lane: _Lane, batch: list[_Waiting]) -> None:
    """All in one statement; where it fails, each by itself, so that one request's fault is not another's."""
    alike = batch[0].conditions
    try:
        if alike is not None and all(each.conditions is alike for each in batch):
            at = lane.stands(alike)
            _answer(batch, [(place, None, at) for place in range(len(batch))] if at is not None else [])
        else:
            _answer(batch, lane.deliver(*_statement(batch)))
    except OperationalError as error:  # there is no database to try again
        for each in batch:
            each.error, each.answered = error, True
    except (psycopg.Error, ValueError, TypeError) as error:
        if len(batch) == 1:
            batch[0].error, batch[0].answered = error, True
            return
        for each in batch:
            _write(lane, [each])


def _statement(batch: list[_Waiting]) -> tuple[bytes, bytes, bytes]:
    asked, bodies, writes = [], [], False
    for place, each in enumerate(batch):
        row = {**each.row, "place": place}
        if each.body is not None:
            bodies.append(b'"\\\\x' + each.body.hex().encode() + b'"')
            row["body"] = len(bodies)
        writes = writes or "kind" in row
        asked.append(row)
    return orjson.dumps(asked), b"t" if writes else b"f", b"{" + b",".join(bodies) + b"}"


def _ask_django(asked: bytes, writes: bytes, bodies: bytes) -> _Found:
    said = {
        "asked": asked.decode(),
        "writes": writes == b"t",
        "bodies": bodies.decode(),
    }
    return [(place, receipt, at) for place, receipt, at in rows(_THROUGH_DJANGO, said)]


def _answer(batch: list[_Waiting], found: _Found) -> None:
    for place, receipt_id, at in found:
        batch[place].answer = Delivered(receipt_id=receipt_id, at=at)
    for each in batch:
        each.answered = True
