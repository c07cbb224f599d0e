"""Remembers, recalls and forgets: each write is against the version that was read; must not touch context."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from agents.authentication import AuthenticatedAgent
from agents.memory.namespaces import open_namespace
from agents.models import MemoryEntry, Scope
from context.access import SYSTEM
from context.digests import canonical, check_storable, digest_of
from context.errors import DomainError, InvalidInput, NotFound, PreconditionFailed
from governance.audit import ledger

LARGEST_VALUE_BYTES = 65_536
MOST_ENTRIES = 1_000
MOST_BYTES = 8 * 1024 * 1024
LONGEST_LIFE = timedelta(days=366)
LISTED_AT_ONCE = 200
SWEPT_AT_ONCE = 1_000
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


class VersionNeeded(DomainError):
    """An entry would be overwritten without saying which version of it was read."""

    type = "precondition-required"
    title = "Say which version you read"
    status = 428


def recall(*, agent: AuthenticatedAgent, namespace: str, key: str, now: datetime) -> MemoryEntry:
    """The entry. One that has expired, or was written by an agent cleared for more, does not exist."""
    agent.require(Scope.MEMORY_WRITE)
    stored = open_namespace(agent=agent, namespace=namespace)
    found = _readable(agent, stored, now).select_related("written_by").filter(key=_checked_key(key)).first()
    if found is None:
        raise NotFound("There is no such entry.")
    return found


def list_entries(*, agent: AuthenticatedAgent, namespace: str, prefix: str = "", now: datetime) -> list[MemoryEntry]:
    """The entries of a namespace whose keys begin so, by key; at most 200."""
    agent.require(Scope.MEMORY_WRITE)
    stored = open_namespace(agent=agent, namespace=namespace)
    found = _readable(agent, stored, now).filter(key__startswith=prefix[:120]).select_related("written_by")
    return list(found.order_by("key")[:LISTED_AT_ONCE])


def remember(
    *,
    agent: AuthenticatedAgent,
    namespace: str,
    key: str,
    value: Any,
    expected_version: int | None = None,
    expires_at: datetime | None = None,
    run_id: UUID | None = None,
    now: datetime,
) -> MemoryEntry:
    """Write an entry. `expected_version` is the one that was read; None creates it, and only where there is none."""
    agent.require(Scope.MEMORY_WRITE)
    stored = open_namespace(agent=agent, namespace=namespace, to_write=True)
    if run_id is not None:
        open_namespace(agent=agent, namespace=f"run:{run_id}")
    key = _checked_key(key)
    size = _check(value, expires_at, now)
    with transaction.atomic():
        known = MemoryEntry.objects.select_for_update(of=("self",)).filter(namespace=stored, key=key).first()
        if known is not None and known.sensitivity > agent.principal.clearance:
            raise PreconditionFailed("Another agent holds this key.", field="key", fix="Use another key.")
        lives = known is not None and (known.expires_at is None or known.expires_at > now)
        before = _check_version(known if lives else None, expected_version)
        _check_room(stored, size - (known.size if known is not None else 0), new=known is None)
        written = {
            "value": value,
            "size": size,
            "sensitivity": agent.principal.clearance,
            "written_by_id": agent.principal.id,
            "run_id": run_id,
            "written_at": now,
            "expires_at": expires_at,
        }
        if known is None:
            entry, new = MemoryEntry.objects.get_or_create(
                namespace=stored, key=key, defaults={**written, "created_at": now}
            )
            if not new:
                raise PreconditionFailed("Somebody wrote the entry just now.", field="If-Match", fix="Read it first.")
        else:
            entry = known
            for name, part in written.items():
                setattr(entry, name, part)
            entry.version += 1
            entry.save()
        _tell(agent, entry, "written", before=before, after=digest_of(value), now=now)
    return entry


def forget(*, agent: AuthenticatedAgent, namespace: str, key: str, expected_version: int | None, now: datetime) -> None:
    """Delete an entry at the version that was read."""
    agent.require(Scope.MEMORY_WRITE)
    stored = open_namespace(agent=agent, namespace=namespace)
    with transaction.atomic():
        entry = _readable(agent, stored, now).select_for_update(of=("self",)).filter(key=_checked_key(key)).first()
        if entry is None:
            raise NotFound("There is no such entry.")
        if expected_version is None:
            raise VersionNeeded("Say which version is to go.", field="If-Match", fix="Send its ETag as If-Match.")
        if expected_version != entry.version:
            raise PreconditionFailed("Somebody wrote the entry since.", field="If-Match", fix="Read it again.")
        before = digest_of(entry.value)
        entry.delete()
        _tell(agent, entry, "forgotten", before=before, after=None, now=now)


def sweep(*, now: datetime) -> int:
    """Delete what has expired, at most so many at once, with one event; how many. For a schedule.

    Two at once delete each entry once; one that is just being written anew is left to its writer.
    """
    with transaction.atomic():
        expired = MemoryEntry.objects.select_for_update(skip_locked=True, of=("self",)).filter(expires_at__lte=now)
        found = list(expired.order_by("expires_at", "pk").values_list("pk", flat=True)[:SWEPT_AT_ONCE])
        if not found:
            return 0
        deleted, _ = MemoryEntry.objects.filter(pk__in=found).delete()
        ledger.append(
            actor=SYSTEM,
            action="agents.memory.expired",
            subject=ledger.Subject(type="memory", id="expired", label="Entries that have expired"),
            data={"entries": deleted},
            now=now,
        )
    return deleted


def _check_version(entry: MemoryEntry | None, expected: int | None) -> str | None:
    """Refuse a write that is not on top of what is there; the digest of what it replaces."""
    if entry is None:
        if expected is not None:
            raise PreconditionFailed("The entry is gone.", field="If-Match", fix="Write it without If-Match.")
        return None
    if expected is None:
        raise VersionNeeded("The entry exists.", field="If-Match", fix="Read it, and send its ETag as If-Match.")
    if expected != entry.version:
        raise PreconditionFailed(
            "Somebody wrote the entry since.", field="If-Match", fix="Read it again, and write on top of that."
        )
    return digest_of(entry.value)


def _readable(agent: AuthenticatedAgent, stored: str, now: datetime) -> QuerySet[MemoryEntry]:
    alive = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    return MemoryEntry.objects.filter(alive, namespace=stored, sensitivity__lte=agent.principal.clearance)


def _checked_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            "A key is of letters, digits, dots, hyphens and underscores.",
            field="key",
            limit=120,
            fix="Correct the key.",
        )
    return key


def _check(value: Any, expires_at: datetime | None, now: datetime) -> int:
    check_storable(value, field="value")
    size = len(canonical(value))
    if size > LARGEST_VALUE_BYTES:
        raise InvalidInput(
            f"The value is larger than {LARGEST_VALUE_BYTES} bytes.",
            field="value",
            limit=LARGEST_VALUE_BYTES,
            fix="Remember less, or where it is.",
        )
    if expires_at is not None and not now < expires_at <= now + LONGEST_LIFE:
        raise InvalidInput(
            "expires_at is out of range.",
            field="expires_at",
            limit=f"{LONGEST_LIFE.days} days",
            fix="Choose a moment in the future within the limit.",
        )
    return size


def _check_room(stored: str, more: int, *, new: bool) -> None:
    kept = MemoryEntry.objects.filter(namespace=stored)
    if new and kept.count() >= MOST_ENTRIES:
        raise InvalidInput(
            f"A namespace holds at most {MOST_ENTRIES} entries.",
            field="namespace",
            limit=MOST_ENTRIES,
            fix="Forget some.",
        )
    if more > 0 and (kept.aggregate(taken=Sum("size"))["taken"] or 0) + more > MOST_BYTES:
        raise InvalidInput(
            f"A namespace holds at most {MOST_BYTES} bytes.", field="value", limit=MOST_BYTES, fix="Forget some."
        )


def _tell(
    agent: AuthenticatedAgent, entry: MemoryEntry, what: str, *, before: str | None, after: str | None, now: datetime
) -> None:
    ledger.append(
        actor=agent.principal,
        action=f"agents.memory.{what}",
        subject=ledger.Subject(type="memory", id=str(entry), label=str(entry)[:200], sensitivity=entry.sensitivity),
        data={"version": entry.version, "run": str(entry.run_id) if entry.run_id else None},
        before=before,
        after=after,
        now=now,
    )
