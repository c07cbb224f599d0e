"""Puts receipts under the audit ledger, many to an event, proves single ones, and checks them all; writes no receipt.

A seal is an event `agents.receipts.sealed`: its subject is a run of receipt numbers, its `after` the Merkle root over
the receipts of that run. Both are in the event's header, which is never redacted.
See docs/decisions/what-a-receipt-proves.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, transaction
from django.db.models import Max

from agents.models import Receipt, ReceiptSeal
from context.access import SYSTEM
from context.digests import iso
from governance.audit import ledger
from governance.audit.chain import Fault
from governance.audit.proofs import Frontier, HashTree
from governance.models import AuditEvent

SEALED = "agents.receipts.sealed"
SUBJECT = "receipts"
MOST_IN_A_SEAL = 1_024
_RECEIPTS_LOCK = 7_246_514  # shared by those who write receipts (agents/migrations/0009)
_SEALERS_LOCK = 7_246_515
_COLUMNS = (
    "pk",
    "kind",
    "agent_id",
    "key_prefix",
    "bundle_id",
    "served_at",
    "lease_until",
    "request_id",
    "task_digest",
)


def seal_receipts(*, now: datetime) -> list[ReceiptSeal]:
    """Seal every receipt that is committed and not sealed yet. One event for each thousand of them."""
    highest = _highest_committed()
    made: list[ReceiptSeal] = []
    while True:
        with transaction.atomic():
            _lock(_SEALERS_LOCK)
            first = (ReceiptSeal.objects.aggregate(last=Max("last_receipt"))["last"] or 0) + 1
            records = list(_records(first=first, last=highest, most=MOST_IN_A_SEAL))
            if not records:
                return made
            last, root = records[-1]["receipt"], root_of(records)
            event = ledger.append(
                actor=SYSTEM,
                action=SEALED,
                subject=ledger.Subject(type=SUBJECT, id=_run(first, last), label=f"Receipts {first:,} to {last:,}"),
                data={"receipts": len(records)},
                after=root,
                now=now,
            )
            made.append(
                ReceiptSeal.objects.create(
                    first_receipt=first,
                    last_receipt=last,
                    count=len(records),
                    root=root,
                    sequence=event.sequence,
                    sealed_at=now,
                )
            )


def record_of(receipt: Receipt) -> dict[str, Any]:
    """What a seal covers of a receipt: all that says who held what, from when, until when and for which request."""
    return _record(tuple(getattr(receipt, name) for name in _COLUMNS))


def proofs_of(receipts: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """For each of these receipts (sorted numbers) that is sealed: its seal, its place in it and the path to the root.

    Two queries a seal.
    """
    seal: ReceiptSeal | None = None
    places: dict[int, int] = {}
    tree: HashTree | None = None
    for number in receipts:
        if seal is None or not seal.first_receipt <= number <= seal.last_receipt:
            seal = ReceiptSeal.objects.filter(first_receipt__lte=number, last_receipt__gte=number).first()
            if seal is None:
                continue
            records = list(_records(first=seal.first_receipt, last=seal.last_receipt))
            leaves = _Leaves([leaf_of(record) for record in records])
            places = {record["receipt"]: place for place, record in enumerate(records)}
            tree = HashTree(size=len(records), leaves_of=leaves.between)
        if tree is None or number not in places:
            continue
        yield (
            number,
            {
                "event": seal.sequence,
                "receipts": _run(seal.first_receipt, seal.last_receipt),
                "size": tree.size,
                "root": seal.root,
                "index": places[number],
                "path": tree.inclusion(index=places[number]),
            },
        )


class _Leaves:
    """The leaves of one seal."""

    def __init__(self, leaves: Sequence[str]) -> None:
        self._leaves = leaves

    def between(self, low: int, high: int) -> Sequence[str]:
        return self._leaves[low:high]


def check_receipts() -> tuple[Fault | None, tuple[str, ...]]:
    """Compute every seal of the ledger again from the receipts that are there, and see that no receipt lies outside.

    The first fault, if any, and what a reader should know besides. Reads each receipt once.
    """
    expected = 1
    seals = AuditEvent.objects.filter(action=SEALED).order_by("sequence")
    for sequence, run, root in seals.values_list("sequence", "subject_id", "after_digest").iterator(chunk_size=2_000):
        first, last = (int(part) for part in run.split("-"))
        if first != expected:
            return Fault(sequence, f"the receipts that event {sequence} seals do not follow those sealed before"), ()
        if root_of(_records(first=first, last=last)) != root:
            return (
                Fault(
                    sequence,
                    f"the receipts {first} to {last} are not those that event {sequence} sealed: one was altered, "
                    "added or removed",
                ),
                (),
            )
        expected = last + 1
    waiting = Receipt.objects.filter(pk__gte=expected)
    count = waiting.count()
    if not count:
        return None, ()
    oldest = waiting.order_by("pk").values_list("served_at", flat=True)[0]
    return None, (f"{count} receipts, the oldest of {iso(oldest)}, wait to be sealed.",)


def leaf_of(record: dict[str, Any]) -> str:
    """The SHA-256 of its canonical JSON, which of sorted names, texts and whole numbers is what orjson writes."""
    return hashlib.sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest()


def root_of(records: Iterator[dict[str, Any]] | Sequence[dict[str, Any]]) -> str:
    """The Merkle root (RFC 9162) over the SHA-256 of each record's canonical JSON."""
    frontier = Frontier()
    for record in records:
        frontier.add(leaf_of(record))
    return frontier.root()


def _records(*, first: int, last: int, most: int | None = None) -> Iterator[dict[str, Any]]:
    found = Receipt.objects.filter(pk__gte=first, pk__lte=last).order_by("pk").values_list(*_COLUMNS)
    return map(_record, (found if most is None else found[:most]).iterator(chunk_size=2_000))


def _record(row: tuple[Any, ...]) -> dict[str, Any]:
    number, kind, agent, key, bundle, served_at, lease_until, request_id, task = row
    return {
        "receipt": number,
        "kind": str(kind),
        "agent": agent,
        "key": key,
        "bundle": bundle,
        "served_at": iso(served_at),
        "lease_until": iso(lease_until) if lease_until is not None else None,
        "request_id": request_id,
        "task": task,
    }


def _run(first: int, last: int) -> str:
    return f"{first}-{last}"


def _highest_committed() -> int:
    """The last receipt before which none is still on its way: whoever writes one holds the lock until its commit."""
    with transaction.atomic():
        _lock(_RECEIPTS_LOCK)
        return Receipt.objects.aggregate(highest=Max("pk"))["highest"] or 0


def _lock(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
