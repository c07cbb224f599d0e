"""The second line of access: tells PostgreSQL who reads, for its row-level security; must not decide who may read what.

Policies on items, versions and passages let a connection see nothing until it says who reads, and then only what
that reader may see, whatever the statement filters. The web server's connections start as nobody
(`DATABASE_READER`); those of workers and commands as the system.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.db import connection, transaction

from context.access import SYSTEM, Principal
from context.errors import DomainError

_SETTINGS = ("reader", "clearance", "groups", "person", "domains")
_SET = "SELECT " + ", ".join(f"set_config('plumbline.{name}', %s, true)" for name in _SETTINGS)
_reading: ContextVar[Principal | None] = ContextVar("reading", default=None)


@contextmanager
def reading_as(principal: Principal) -> Iterator[None]:
    """Within, in one transaction, the database shows what this principal may see. One statement (SET LOCAL).

    A DomainError passes through without undoing the transaction: domain functions are atomic in themselves, and
    what they recorded of a refusal or a denied attempt has to stay.
    """
    outer, nested = _reading.get(), connection.in_atomic_block
    refusal: DomainError | None = None
    with transaction.atomic():
        _say(_values(principal))
        token = _reading.set(principal)
        try:
            yield
        except DomainError as error:
            refusal = error
        finally:
            _reading.reset(token)
        # Where an outer transaction goes on, it goes on reading as before; where this one ends, the settings end.
        if nested:
            _say(_values(outer) if outer is not None else [settings.DATABASE_READER, "", "", "", ""])
    if refusal is not None:
        raise refusal


@contextmanager
def reading_as_system() -> Iterator[None]:
    """For the steps of a domain function that look beyond what its actor may see, and show nothing of it."""
    if _reading.get() in (None, SYSTEM):
        yield
    else:
        with reading_as(SYSTEM):
            yield


def _values(principal: Principal) -> list[str]:
    return [
        "system" if principal.kind == "system" else "principal",
        str(principal.clearance),
        _array(principal.groups),
        str(principal.id) if principal.kind == "person" else "",
        "" if principal.domains is None else _array(principal.domains),
    ]


def _array(ids: frozenset[int]) -> str:
    return "{" + ",".join(map(str, sorted(ids))) + "}"


def _say(values: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SET, values)
