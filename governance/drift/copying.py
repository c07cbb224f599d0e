"""Reads very many rows of fixed width as one array, by COPY in binary; must not know what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray
from psycopg import Cursor

_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
_HEADER = len(_SIGNATURE) + 8  # flags, and how much more header follows
_TRAILER = 2


def copied(statement: str, given: Mapping[str, Any], columns: Mapping[str, str]) -> NDArray[Any]:
    """What a SELECT gives, without an object for each row: a fiftieth of the time of a cursor's rows.

    `columns` in order: "i8" for bigint, "u2:384" for a halfvec of 384, "bytes:64" for a bytea of 64. None may be null.
    """
    fields: list[tuple[Any, ...]] = [("", ">i2")]
    wanted = {}
    for name, described in columns.items():
        kind, _, width = described.partition(":")
        fields.append((f"{name} length", ">i4"))
        if kind == "u2":
            fields.append((f"{name} dimensions", ">u2", (2,)))
            fields.append((name, ">u2", (int(width),)))
            wanted[f"{name} length"] = 4 + 2 * int(width)
        else:
            fields.append((name, ">i8") if kind == "i8" else (name, "u1", (int(width),)))
            wanted[f"{name} length"] = 8 if kind == "i8" else int(width)
    row = np.dtype(fields)
    data = _copy(statement, given)
    start = _HEADER + int.from_bytes(data[len(_SIGNATURE) + 4 : _HEADER], "big")
    count, rest = divmod(len(data) - start - _TRAILER, row.itemsize)
    rows = np.frombuffer(data, dtype=row, offset=start, count=count)
    if rest or not all((rows[name] == width).all() for name, width in wanted.items()):
        raise ValueError(f"These rows are not of the width of {dict(columns)}.")
    return rows


def _copy(statement: str, given: Mapping[str, Any]) -> bytearray:
    data = bytearray()
    with transaction.atomic():
        connection.ensure_connection()
        with (
            connection.wrap_database_errors,
            Cursor(connection.connection) as cursor,
            cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT BINARY)", given) as copy,
        ):
            for block in copy:
                data += block
    return data
