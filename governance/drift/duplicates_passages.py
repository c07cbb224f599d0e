"""Reads the passages in force with their vectors, fast and for many; must not compare them.

What it reads is for detectors: it looks beyond what any one person may see, and shows nothing by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from context.embedding_models import DIMENSIONS
from governance.drift.copying import copied
from governance.drift.duplicates_search import Vectors

VECTORS_AT_ONCE = 2_048
_PASSAGES = """
    SELECT passage.id, passage.item_id, passage.embedding
    FROM context_passage AS passage JOIN context_contextitem AS item ON item.id = passage.item_id
    WHERE passage.embedding IS NOT NULL AND item.retired_at IS NULL
      AND passage.in_force_from <= %(at)s AND (passage.in_force_until IS NULL OR passage.in_force_until > %(at)s)
"""
_ANY_TIME = """
    SELECT id, item_id, embedding FROM context_passage
    WHERE embedding IS NOT NULL AND id = ANY (%(passages)s::bigint[])
"""
_OF_ITEMS = " AND passage.item_id = ANY (%(items)s::bigint[])"
_OF_PASSAGES = " AND passage.id = ANY (%(passages)s::bigint[])"
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


def read_vectors(
    *, at: datetime, item_ids: Sequence[int] | None = None, passage_ids: Sequence[int] | None = None
) -> PassageVectors:
    """All passages in force (of these items; of these passages), in one statement; half a second for 100,000."""
    statement = _PASSAGES
    statement += _OF_ITEMS if item_ids is not None else ""
    statement += _OF_PASSAGES if passage_ids is not None else ""
    return _read(statement, {"at": at, "items": item_ids, "passages": passage_ids})


def vectors_of(passage_ids: Sequence[int]) -> PassageVectors:
    """These passages, in force or not."""
    return _read(_ANY_TIME, {"passages": passage_ids})


def _read(statement: str, given: Mapping[str, object]) -> PassageVectors:
    rows = copied(statement, given, {"id": "i8", "item": "i8", "vector": f"u2:{DIMENSIONS}"})
    rows = rows[np.argsort(rows["id"], kind="stable")]
    return PassageVectors(
        ids=rows["id"].astype(np.int64), item_ids=rows["item"].astype(np.int64), vectors=_vectors(rows["vector"])
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


def _vectors(halves: NDArray[np.uint16]) -> Vectors:
    """From half floats as PostgreSQL sends them; unit vectors again, as halves are rounded."""
    vectors = np.empty(halves.shape, dtype=np.float32)
    for start in range(0, len(halves), VECTORS_AT_ONCE):
        part = slice(start, start + VECTORS_AT_ONCE)
        block = halves[part].astype(np.uint16).view(np.float16).astype(np.float32)
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block))[:, None]
        np.divide(block, lengths, out=vectors[part], where=lengths > 0)
        vectors[part][lengths[:, 0] == 0] = 0
    return vectors
