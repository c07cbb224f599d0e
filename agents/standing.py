"""Answers that were assembled before and may still stand: kept in memory, confirmed in the database at every request.

What a process remembers decides nothing: one statement, begun after the request came, says whether the key holds, the
agent's rights, its contract and all that it may read are unchanged since the answer was judged, and no moment has
passed at which time alone would have changed it. Must not assemble, nor judge a bundle.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import connection

from agents import leases
from agents.authentication import AuthenticatedAgent
from agents.deliveries import Conditions, conditions_of, deliver, stands
from agents.leases import Lease
from agents.models import ReceiptKind
from context.access import Principal
from context.bundles import AssembledBundle
from context.digests import iso
from context.epochs import EVERYTHING, next_boundary

MOST_BYTES_KEPT = 64 * 1024 * 1024
# Judged anew at least so often, whatever the epochs say; that the key is in use is noted then, too.
LONGEST_UNJUDGED = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class StandingAnswer:
    """An answer as it was judged: for whom, at which epoch, and until which moment it can stand without a change."""

    key: int
    prefix: str
    agent: str
    principal: Principal
    conditions: Conditions
    digest: str
    valid_until: datetime | None
    answer: bytes
    task_digest: str

    @property
    def place(self) -> leases.Place:
        return self.key, self.digest, self.task_digest


@dataclass(frozen=True, kw_only=True, slots=True)
class HandedOver:
    """What the agent is told of a bundle that is its to have: the lease, the number on record and the moment."""

    lease: Lease
    receipt_id: int
    at: str


def judged(
    *,
    agent: AuthenticatedAgent,
    contract: int,
    bundle: AssembledBundle,
    as_of: datetime | None,
    task_digest: str,
    now: datetime,
) -> StandingAnswer:
    """What may be remembered of a bundle that was assembled just now. At most one statement.

    A past moment stays as it was; a present one ends with the next text that begins or ends anywhere.
    """
    until = now + LONGEST_UNJUDGED
    if as_of is None:
        ends = (bundle.valid_until, bundle.ages_at, next_boundary(clock=agent.clock, at=bundle.at))
        until = min([until, *(moment for moment in ends if moment is not None)])
    return StandingAnswer(
        key=agent.key_id,
        prefix=agent.key_prefix,
        agent=agent.slug,
        principal=agent.principal,
        conditions=conditions_of(
            key=agent.key_id,
            until=until,
            epoch=agent.clock,
            subjects=(EVERYTHING, f"agent:{agent.principal.id}", f"contract:{contract}", "programs"),
            clearance=agent.principal.clearance,
            domains=sorted(agent.principal.domains or ()),
            groups=sorted(agent.principal.groups),
        ),
        digest=bundle.digest,
        valid_until=bundle.valid_until,
        answer=bundle.answer,
        task_digest=task_digest,
    )


def confirm(
    known: StandingAnswer, *, held: bool, request_id: str, client: Callable[[], str], now: datetime
) -> HandedOver | None:
    """Whether the answer still stands, and on record that the agent has it. One statement; None where it does not.

    Where a lease with time left is on record for the holder of this key, that says already that it has this bundle
    and until when it relies on it: being sent the same again, or told so, writes nothing. Installations that want a
    receipt for every delivery say so (`RECEIPT_FOR_EVERY_DELIVERY`).
    """
    lease = leases.lease_on_record(known.place, now=now)
    if lease is not None and (held or not settings.RECEIPT_FOR_EVERY_DELIVERY):
        standing = stands(known.conditions)
        if standing is None:
            return None
        if not held:
            leases.count_repetition(known.place)
        return HandedOver(lease=lease, receipt_id=lease.receipt_id, at=standing.at)
    return hand_over(known, conditions=known.conditions.row, held=held, request_id=request_id, client=client(), now=now)


def hand_over(
    known: StandingAnswer,
    *,
    held: bool,
    request_id: str,
    client: str,
    now: datetime,
    conditions: Mapping[str, Any] | None = None,
    described: Mapping[str, Any] | None = None,
    body: bytes | None = None,
) -> HandedOver | None:
    """Put on record that the agent has this bundle, which `described` and `body` store where it is new.

    None where it depends on `conditions` that no longer hold.
    """
    lease = leases.lease_on_record(known.place, now=now)
    new = lease is None
    row = dict(conditions or {})
    if lease is None:
        lease = leases.new_lease(agent=known.agent, digest=known.digest, valid_until=known.valid_until, now=now)
    elif held and not row:
        return HandedOver(lease=lease, receipt_id=lease.receipt_id, at=iso(now))
    if new or not held:
        row |= {
            "kind": ReceiptKind.RENEWED.value if held else ReceiptKind.DELIVERED.value,
            "agent": known.principal.id,
            "prefix": known.prefix,
            "bundle": known.digest,
            "lease_until": lease.until,
            "request_id": request_id,
            "client": client,
            "task_digest": known.task_digest,
            "repeats": leases.repetitions(known.place),
            **(described or {}),
        }
    else:
        body = None
    delivered = deliver(row, body)
    if delivered is None:
        return None
    if new and delivered.receipt_id is not None:
        lease = replace(lease, receipt_id=delivered.receipt_id)
        # In a transaction it is on record only once that commits.
        if not connection.in_atomic_block:
            leases.keep(known.place, lease=lease)
    return HandedOver(lease=lease, receipt_id=delivered.receipt_id or lease.receipt_id, at=delivered.at)


Kept = TypeVar("Kept")


class Memory(Generic[Kept]):
    """Things by key, the least recently used given up first once they are larger than `most` together."""

    def __init__(self, most: int, size: Callable[[Kept], int]) -> None:
        self._most, self._measure = most, size
        self._size = 0
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> Kept | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: bytes, kept: Kept) -> None:
        with self._lock:
            before = self._kept.pop(key, None)
            self._size += self._measure(kept) - (self._measure(before) if before is not None else 0)
            self._kept[key] = kept
            while self._size > self._most and self._kept:
                _, given_up = self._kept.popitem(last=False)
                self._size -= self._measure(given_up)

    def drop(self, key: bytes) -> None:
        with self._lock:
            before = self._kept.pop(key, None)
            self._size -= self._measure(before) if before is not None else 0

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._size = 0
