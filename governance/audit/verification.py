"""Checks the ledger from its first event to its head, and against every checkpoint; must not write."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from itertools import islice

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from governance.audit.chain import Checker, Fault, Row
from governance.audit.marks import gather_marks

BATCH = 2_000

# One JSON array a row, in the order of `chain.COLUMNS`: COPY streams them while the hashes are computed, and the
# parser makes plain values of them in one step. Moments in the form of the ledger's canonical JSON.
_MOMENT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_ROWS = f"""
    COPY (
        SELECT json_build_array(
            sequence, {_MOMENT.format("at")}, {_MOMENT.format("recorded_at")}, actor_kind, actor_id, actor_label,
            action, subject_type, subject_id, subject_label, sensitivity, request_id, before_digest, after_digest,
            data, salt, payload_digest, previous_hash, hash
        )
        FROM governance_auditevent WHERE sequence > %s AND (%s::bigint IS NULL OR sequence <= %s::bigint)
        ORDER BY sequence
    ) TO STDOUT
"""  # noqa: S608  our own constants


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a check found. `broken_sequence` and `reason` are None where the chain holds; `seconds` is wall time.

    `checkpoints` counts the signed checkpoints that the ledger was compared with, `signed_sequence` is the last event
    that one covers; `redacted` counts events whose payload was redacted by the rules. `notes` are what a reader
    should know although nothing is broken.
    """

    checked: int
    head_sequence: int
    head_hash: str
    broken_sequence: int | None
    reason: str | None
    seconds: float
    checkpoints: int = 0
    signed_sequence: int = 0
    redacted: int = 0
    merkle_root: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        return self.broken_sequence is None


def verify_chain(*, progress: Callable[[int], None] | None = None) -> Verdict:
    """Recompute every hash in order and compare with all checkpoints, those in the home's files included.

    Then what upper floors put under the ledger (`AUDIT_CHECKS`): functions of nothing that return the first fault, or
    None, and notes. One streamed query, so that the ledger is judged as of one moment; memory does not grow with it.
    """
    steps = verify_in_steps()
    while True:
        try:
            checked = next(steps)
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict
        if progress is not None:
            progress(checked)


def verify_in_steps() -> Generator[int, None, Verdict]:
    """As `verify_chain`, but gives after every batch how far it has got, and in the end what it found."""
    started = time.monotonic()
    # Checkpoints first: an event that one of them covers is in every later snapshot.
    found = gather_marks()
    checker = Checker(marks=found.marks)
    fault = found.fault
    if fault is None:
        fault = yield from _run(checker)
    if fault is None:
        fault = (found.other_ledger(checker.first_hash) if checker.sequence else None) or checker.finish()
    notes = list(found.notes)
    for path in settings.AUDIT_CHECKS.values() if fault is None else ():
        fault, said = import_string(path)()
        notes += said
        if fault is not None:
            break
    return Verdict(
        checked=checker.sequence,
        head_sequence=checker.sequence,
        head_hash=checker.hash,
        broken_sequence=None if fault is None else fault.sequence,
        reason=None if fault is None else fault.reason,
        seconds=time.monotonic() - started,
        checkpoints=found.count,
        signed_sequence=found.last,
        redacted=checker.redacted_count,
        merkle_root=checker.frontier.root(),
        notes=tuple(notes),
    )


def stream_rows(*, after: int = 0, until: int | None = None) -> Iterator[Row]:
    """Events in order as plain values (`chain.COLUMNS`), of one moment. Read it to its end: it is one open COPY."""
    connection.ensure_connection()
    with (
        transaction.atomic(),
        connection.wrap_database_errors,
        connection.connection.cursor() as cursor,
        cursor.copy(_ROWS, [after, until, until]) as copy,
    ):
        rest = b""
        for block in copy:
            lines = (rest + bytes(block)).split(b"\n")
            rest = lines.pop()
            for line in lines:
                # The one escape of COPY's text form that JSON text can need.
                yield orjson.loads(line.replace(b"\\\\", b"\\") if b"\\" in line else line)


def _run(checker: Checker) -> Generator[int, None, Fault | None]:
    rows = stream_rows(after=checker.sequence)
    fault: Fault | None = None
    while batch := list(islice(rows, BATCH)):
        if fault is None:
            fault = checker.feed(batch)
            if fault is None and len(batch) == BATCH:
                yield checker.sequence
    return fault
