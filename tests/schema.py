"""The databases of a test run: the schema is made once, and every process works on copies; no tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection, connections
from psycopg import sql

from config import env

ROOT = Path(__file__).resolve().parent.parent
# What decides how a database that was just made looks.
MAKES_IT = ("*/migrations/*.py", "context/kinds.py", "governance/management/commands/grant_web_role.py")


def schema_name(base: str) -> str:
    """The database that holds the schema as the source has it now, for a run whose own databases begin with `base`."""
    digest = hashlib.sha256()
    for pattern in (*MAKES_IT, "requirements.txt"):
        for path in sorted(ROOT.glob(pattern)):
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return f"{base}_schema_{digest.hexdigest()[:12]}"


def leave() -> None:
    """End this process's own sessions."""
    connections.close_all()
    if hasattr(connection, "close_pool"):
        connection.close_pool()


@contextmanager
def maintenance() -> Iterator[psycopg.Connection[Any]]:
    """A session of the owner's in a database that no test uses."""
    role = env.database("DATABASE_OWNER_URL" if env.text("DATABASE_OWNER_URL") else "DATABASE_URL")
    with psycopg.connect(
        host=str(role["HOST"]),
        port=str(role["PORT"] or 5432),
        user=str(role["USER"]),
        password=str(role["PASSWORD"]),
        dbname="postgres",
        autocommit=True,
    ) as owner:
        yield owner


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Of several processes, the first makes the schema of that name and the others wait for it."""
    with maintenance() as owner:
        owner.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
        yield


def exists(name: str) -> bool:
    with maintenance() as owner:
        return owner.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def drop(name: str) -> None:
    """By force, because threads of the tests may still hold, or even renew, their sessions."""
    with maintenance() as owner:
        owner.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def copy(source: str, target: str) -> None:
    """Make `target` anew as a copy of `source`."""
    drop(target)
    with maintenance() as owner:
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(target), sql.Identifier(source)))


def keep(source: str, name: str, *, note: str = "") -> None:
    """Keep a copy of `source`, and a note of it, under a name that never stands for a half-made one."""
    copy(source, f"{name}_partial")
    partial = sql.Identifier(f"{name}_partial")
    with maintenance() as owner:
        owner.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(partial, sql.Literal(note)))
        owner.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(partial, sql.Identifier(name)))


def note_of(name: str) -> str:
    """What was noted of a database when it was kept."""
    asked = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    with maintenance() as owner:
        row = owner.execute(asked, [name]).fetchone()
    return str(row[0]) if row and row[0] else ""


def drop_all(beginning: str) -> None:
    """Drop every database whose name begins so."""
    with maintenance() as owner:
        found = owner.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [beginning]).fetchall()
    for (name,) in found:
        drop(name)
