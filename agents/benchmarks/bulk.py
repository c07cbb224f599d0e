"""Writes rows of a scratch database in bulk, past guards and indexes; must never see a real database."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from django.db import connection

CONNECTIONS = min(os.cpu_count() or 1, 4)
_GUARDED = (
    "context_contextitem",
    "context_contextitem_audiences",
    "context_contextversion",
    "context_passage",
    "context_pastpassage",
)
_MADE_AFTERWARDS = ("passage_embedding", "passage_filed", "past_passage_embedding", "past_passage_filed")


class WithoutGuards:
    """The owner's way past the triggers that let only governance write; nothing else in the product has it."""

    def __enter__(self) -> None:
        self._each("DISABLE TRIGGER USER")

    def __exit__(self, *exc: object) -> None:
        self._each("ENABLE TRIGGER USER")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tgrelid::regclass::text, tgname FROM pg_trigger "
                "WHERE NOT tgisinternal AND tgrelid = ANY (%s::regclass[])",
                [list(_GUARDED)],
            )
            for table, name in cursor.fetchall():
                cursor.execute(f'ALTER TABLE {table} ENABLE ALWAYS TRIGGER "{name}"')

    @staticmethod
    def _each(change: str) -> None:
        with connection.cursor() as cursor:
            for table in _GUARDED:
                cursor.execute(f"ALTER TABLE {table} {change}")


def copy_rows(target: str, rows: Iterable[tuple[Any, ...]]) -> None:
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def drop_indexes() -> dict[str, str]:
    """Drop the indexes of vectors and of words, which are made quicker at once; how each was made, by its name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY (%s)", [list(_MADE_AFTERWARDS)]
        )
        made = dict(cursor.fetchall())
        for name in _MADE_AFTERWARDS:
            cursor.execute(f"DROP INDEX {name}")
    return made


def make_indexes(made: Mapping[str, str]) -> None:
    """The largest beside the others. A graph of a hundred thousand vectors is made in memory, or takes far longer."""
    largest, *others = _MADE_AFTERWARDS

    def create(names: Sequence[str]) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET maintenance_work_mem = '512MB'")
                for name in names:
                    cursor.execute(made[name])
        finally:
            connection.close()  # of this thread

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(create, ([largest], others)))


def side_by_side(rows: Sequence[tuple[Any, ...]], insert: Callable[[Sequence[tuple[Any, ...]], int], None]) -> None:
    """Insert them over a connection for each core: what the words of a passage weigh is worked out by the server."""

    def insert_share(share: int) -> None:
        try:
            insert(rows[share::CONNECTIONS], share)
        finally:
            connection.close()  # of this thread

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(insert_share, range(CONNECTIONS)))
