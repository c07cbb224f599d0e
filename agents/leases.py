"""Leases: until when an agent may rely on a bundle without asking again, signed; must not judge whether it may.

Every lease is on record (its receipt) before it is given. A lease with more than half of its time left is given again
as it is, which tells the agent nothing new and needs no further record.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from django.conf import settings

from context.digests import canonical, iso
from context.remembered import forgotten_with_the_database
from context.signing import key_id, sign

FORMAT = "plumbline-bundle-lease/1"
MOST_KEPT = 20_000
# Whose lease of what, for which task: the id of a key, the digest of a bundle, the digest of a task or nothing.
Place = tuple[int, str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """What an agent is told with a bundle: `statement` is canonical JSON (ASCII), `signature` its Ed25519, base64."""

    issued_at: datetime
    until: datetime
    statement: str
    signature: str
    until_in_words: str
    receipt_id: int = 0

    def has_time_left(self, now: datetime) -> bool:
        """More than half of it."""
        return self.until - now > (self.until - self.issued_at) / 2


def new_lease(*, agent: str, digest: str, valid_until: datetime | None, now: datetime) -> Lease:
    """A lease from now on, never beyond the validity of what is in the bundle."""
    until = now + timedelta(seconds=settings.BUNDLE_LEASE_SECONDS)
    if valid_until is not None:
        until = min(until, valid_until)
    statement = canonical(
        {
            "format": FORMAT,
            "agent": agent,
            "bundle": digest,
            "issued_at": iso(now),
            "lease_until": iso(until),
            "valid_until": iso(valid_until) if valid_until is not None else None,
            "key": key_id(),
        }
    )
    return Lease(
        issued_at=now,
        until=until,
        until_in_words=iso(until),
        statement=statement.decode("ascii"),
        signature=sign(statement),
    )


def lease_on_record(place: Place, *, now: datetime) -> Lease | None:
    """The lease that this process put on record for that place, if more than half of its time is left."""
    with _lock:
        held = _kept.get(place)
    return held if held is not None and held.has_time_left(now) else None


def keep(place: Place, *, lease: Lease) -> None:
    """Remember a lease once its receipt is committed."""
    with _lock:
        _kept[place] = lease
        _kept.move_to_end(place)
        while len(_kept) > MOST_KEPT:
            given_up, _ = _kept.popitem(last=False)
            _repeated.pop(given_up, None)


def count_repetition(place: Place) -> None:
    """The bundle was sent once more under the lease that is on record."""
    with _lock:
        _repeated[place] = _repeated.get(place, 0) + 1


def repetitions(place: Place) -> int:
    """How often it was since this was last asked: for the next receipt to say. A process that dies forgets it."""
    with _lock:
        return _repeated.pop(place, 0)


def forget() -> None:
    """Forget all leases: what is on record may be in another database."""
    with _lock:
        _kept.clear()
        _repeated.clear()


_kept: OrderedDict[Place, Lease] = OrderedDict()
_repeated: dict[Place, int] = {}
_lock = Lock()
forgotten_with_the_database(forget)
