"""Runs hot statements prepared on the server, with rows left raw; must not hold any statement."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import psycopg
from django.db import connection

PREPARE_AT_ONCE = 0
MOST_KEPT = 256
_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|%|)")


def rows(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of one statement, on the connection and in the transaction of the ORM. Arrays are lists, jsonb is text.

    Measured on rows that a bundle needs: a prepared statement takes half the time of one that is planned anew, and
    raw rows a fiftieth of model instances.
    """
    connection.ensure_connection()
    raw = connection.connection
    if raw.prepare_threshold is None:
        raw.prepare_threshold = PREPARE_AT_ONCE
    numbered, names = _numbered(statement)
    with connection.wrap_database_errors, psycopg.RawCursor(raw) as cursor:
        return cursor.execute(numbered, [parameters[name] for name in names], prepare=True).fetchall()


@lru_cache(maxsize=MOST_KEPT)
def _numbered(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with its `%(name)s` as PostgreSQL numbers them, and the names in that order.

    psycopg does the same at every call where a statement is long, in a tenth of a millisecond for that of a search.
    """
    places: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found[1]
        if name is not None:
            return f"${places.setdefault(name, len(places) + 1)}"
        if found[0] == "%%":
            return "%"
        raise ValueError("A % that is no placeholder is written %%.")

    text = _PLACEHOLDER.sub(number, statement)
    return text.encode(), tuple(places)
