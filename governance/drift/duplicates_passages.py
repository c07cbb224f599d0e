"""Reads the passages in force with their vectors, fast and for many; must not compare them.

What it reads is for detectors: it looks beyond what any one person may see, and shows nothing by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray
from psycopg import Cursor

from context.embedding_models import DIMENSIONS
from governance.drift.duplicates_search import Vectors

FETCHED_AT_ONCE = 20_000
_PASSAGES = """
    SELECT passage.id, passage.item_id, passage.embedding
    FROM context_passage AS passage JOIN context_contextitem AS item ON item.id = passage.item_id
    WHERE passage.embedding IS NOT NULL AND item.retired_at IS NULL
      AND passage.in_force_from <= %(at)s AND (passage.in_force_until IS NULL OR passage.in_force_until > %(at)s)
      AND (%(items)s::bigint[] IS NULL OR passage.item_id = ANY(%(items)s::bigint[]))
    ORDER BY passage.id
"""
_TEXTS = """
    SELECT passage.id, item.id, item.key, version.title, version.number, version.id, passage.heading_path,
           passage.anchor, passage.text, version.published_at, version.data
    FROM context_passage AS passage
    JOIN context_contextitem AS item ON item.id = passage.item_id
    JOIN context_contextversion AS version ON version.id = passage.version_id
    WHERE passage.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class PassageVectors:
    """Passages by rising id, the item of each, and their unit vectors, row by row."""

    ids: NDArray[np.int64]
    item_ids: NDArray[np.int64]
    vectors: Vectors


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageText:
    """One passage in force, with what is known of the version it belongs to."""

    id: int
    item_id: int
    key: str
    title: str
    version: int
    version_id: int
    heading: str
    anchor: str
    text: str
    published_at: datetime
    applies_to: tuple[str, ...]


def read_vectors(*, at: datetime, item_ids: Sequence[int] | None = None) -> PassageVectors:
    """All passages in force (of these items), in one statement; about a second for 100,000."""
    ids: list[int] = []
    items: list[int] = []
    raw: list[bytes] = []
    with transaction.atomic():
        connection.ensure_connection()
        assert connection.connection is not None
        # Django's own cursors ask for text, in which 100,000 vectors are a gigabyte to parse.
        with Cursor(connection.connection) as cursor:
            wanted = None if item_ids is None else list(item_ids)
            cursor.execute(_PASSAGES, {"at": at, "items": wanted}, binary=True)
            while rows := cursor.fetchmany(FETCHED_AT_ONCE):
                ids += [row[0] for row in rows]
                items += [row[1] for row in rows]
                raw += [bytes(row[2]) for row in rows]
    return PassageVectors(
        ids=np.array(ids, dtype=np.int64), item_ids=np.array(items, dtype=np.int64), vectors=_vectors(raw)
    )


def read_texts(passage_ids: Iterable[int]) -> Mapping[int, PassageText]:
    """These passages by id, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_TEXTS, [sorted(set(passage_ids))])
        return {row[0]: _passage(row) for row in cursor.fetchall()}


def _passage(row: Sequence[object]) -> PassageText:
    number, item_id, key, title, version, version_id, heading, anchor, text, published_at, data = row
    facts = json.loads(data) if isinstance(data, str) else data  # as Django asks for JSON
    said = facts.get("applies_to") if isinstance(facts, dict) else None
    assert isinstance(number, int)
    assert isinstance(item_id, int)
    assert isinstance(version, int)
    assert isinstance(version_id, int)
    assert isinstance(published_at, datetime)
    return PassageText(
        id=number,
        item_id=item_id,
        key=str(key),
        title=str(title),
        version=version,
        version_id=version_id,
        heading=str(heading),
        anchor=str(anchor),
        text=str(text),
        published_at=published_at,
        applies_to=tuple(str(each) for each in said) if isinstance(said, list) else (),
    )


def _vectors(raw: Sequence[bytes]) -> Vectors:
    """From halfvec as PostgreSQL sends it: two 16-bit counts, then half floats, all big-endian."""
    if not raw:
        return np.empty((0, DIMENSIONS), dtype=np.float32)
    numbers = np.frombuffer(b"".join(raw), dtype=">u2").reshape(len(raw), DIMENSIONS + 2)[:, 2:]
    vectors = numbers.astype(np.uint16).view(np.float16).astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return vectors
