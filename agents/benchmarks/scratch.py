"""A database that is made for one measurement and dropped after it; must not be the one that is served."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import StringIO
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, connections
from psycopg import sql


@dataclass(frozen=True, kw_only=True, slots=True)
class Scratch:
    """The URLs of a scratch database: as its owner, and as the application signs in."""

    owner: str
    web: str


@contextmanager
def scratch_database() -> Iterator[Scratch]:
    """Make a migrated, empty database; Django's default connection is its owner's meanwhile. Dropped at the end."""
    owner = os.environ.get("DATABASE_OWNER_URL")
    web = os.environ.get("DATABASE_URL")
    if not owner or not web:
        raise CommandError("Set DATABASE_URL and DATABASE_OWNER_URL (a role that may create databases), or neither.")
    name = scratch_name(owner)
    with psycopg.connect(_with_name(owner, "postgres"), autocommit=True) as maintenance:
        try:
            maintenance.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise CommandError(
                "The role of DATABASE_OWNER_URL may not create databases. Name one that may, or unset DATABASE_URL."
            ) from error
    made = Scratch(owner=_with_name(owner, name), web=_with_name(web, name))
    before = dict(connection.settings_dict)
    try:
        _furnish(made.owner)
        _connect_as(made.owner)
        call_command("migrate", verbosity=0)
        call_command("grant_web_role", verbosity=0, stdout=StringIO())
        yield made
    finally:
        connections.close_all()
        connection.settings_dict.update(before)
        with psycopg.connect(_with_name(owner, "postgres"), autocommit=True) as maintenance:
            maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def scratch_name(owner: str) -> str:
    """A new name, after the database beside which it is made, so that each measurement can tell its own."""
    return f"{urlsplit(owner).path.strip('/')[:40] or 'plumbline'}_bench_{secrets.token_hex(4)}"


def _furnish(owner: str) -> None:
    """As the set-up does with the product's own database, where this role may (docs/decisions/row-level-security.md).

    Where it may not, the template has it already (the private PostgreSQL), or searches are timed without it.
    """
    with psycopg.connect(owner, autocommit=True) as made, suppress(psycopg.errors.InsufficientPrivilege):
        made.execute("ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF")


def _connect_as(url: str) -> None:
    parts = urlsplit(url)
    connections.close_all()
    connection.settings_dict.update(
        NAME=parts.path.lstrip("/"),
        USER=parts.username or "",
        PASSWORD=parts.password or "",
        HOST=parts.hostname or "",
        PORT=str(parts.port or ""),
    )
    connection.settings_dict["OPTIONS"].pop("pool", None)


def _with_name(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))
