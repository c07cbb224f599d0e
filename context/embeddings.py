"""Turns texts into vectors with the configured model; must not import torch, reach the network or guess a model."""

from __future__ import annotations

import ctypes
import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import orjson
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from context.embedding_models import DIMENSIONS, find_model, prepare
from context.encoders import FAKE, Encoder, FakeEncoder, OnnxEncoder, Part, Vectors
from context.passages import PassageDraft

CACHED_QUERIES = 4096
WRITTEN_AT_ONCE = 32
TAKEN_AT_ONCE = 512  # some seconds of work, which is what a worker that dies has done in vain
# In this order: what is in force is found by more than who asks about the past.
TABLES = ("context_passage", "context_pastpassage")
_WHAT_MODELS_NEVER_READ = re.compile("[\x00\ud800-\udfff]")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)")


def encode(texts: Sequence[str]) -> Vectors:
    """Return one unit vector of 384 float32 for each text, in order; an empty sequence gives an empty array."""
    if not texts:
        return np.empty((0, DIMENSIONS), dtype=np.float32)
    vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
    for places, some in encode_in_parts(texts):
        vectors[places] = some
    return vectors


def encode_in_parts(texts: Sequence[str]) -> Iterator[Part]:
    """The same as they come, each part with the places of its texts: while one is used, the next are computed."""
    if not texts:
        return iter(())
    return _encoder().encode([_WHAT_MODELS_NEVER_READ.sub(" ", text) for text in texts])


def encode_query(text: str) -> Vectors:
    """Return the unit vector of a question; the same question again costs nothing (4,096 are remembered)."""
    return _encode_query(settings.EMBEDDING_MODEL, text)


def query_vector_text(text: str) -> str:
    """The same as PostgreSQL reads it, remembered alike: to write it out takes a tenth of a millisecond."""
    return _query_vector_text(settings.EMBEDDING_MODEL, text)


def model_name() -> str:
    """Name, weights and precision of the model in use: stored with each vector, so that they are never mixed."""
    return _encoder().name


def prepare_model() -> bool:
    """Make the configured model ready to load; True if there was something to do."""
    return settings.EMBEDDING_MODEL != FAKE and prepare(find_model(settings.EMBEDDING_MODEL))


def embedding_text(heading_path: str, text: str) -> str:
    """What the model reads of a passage: its place and its words, without the addresses of links."""
    return f"{heading_path}\n{_LINK.sub(lambda link: link[1], text)}"


def embed_drafts(drafts: Sequence[PassageDraft]) -> list[PassageDraft]:
    """The same drafts with their vectors (5 to 10 ms each)."""
    vectors = encode([embedding_text(draft.heading_path, draft.text) for draft in drafts])
    name = model_name() if drafts else ""
    return [
        replace(draft, embedding=vector, embedding_model=name) for draft, vector in zip(drafts, vectors, strict=True)
    ]


def embed_pending(limit: int = TAKEN_AT_ONCE) -> int:
    """Embed up to `limit` passages that wait for it, oldest first; returns how many were done.

    Several workers can do this at once: each takes passages that no other holds. A worker that dies leaves its
    passages waiting. Writes nothing but the vector and the name of its model. While some vectors are written, the
    next are computed. Past passages come when no present one waits.
    """
    return next((done for table in TABLES if (done := _embed_pending(table, limit))), 0)


def _embed_pending(table: str, limit: int) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, heading_path, text FROM {table} WHERE embedding IS NULL"  # noqa: S608  one of the two tables above
            " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
            [limit],
        )
        waiting = cursor.fetchall()
        ids: list[int] = []
        vectors: list[str] = []
        for places, some in encode_in_parts([embedding_text(heading_path, text) for _, heading_path, text in waiting]):
            ids += [waiting[place][0] for place in places]
            vectors += map(vector_text, some)
            if len(ids) >= WRITTEN_AT_ONCE:
                _write(cursor, table, ids, vectors)
                ids, vectors = [], []
        if ids:
            _write(cursor, table, ids, vectors)
    return len(waiting)


def _write(cursor: CursorWrapper, table: str, ids: list[int], vectors: list[str]) -> None:
    cursor.execute(
        f"UPDATE {table} SET embedding = fresh.vector::halfvec, embedding_model = %s"  # noqa: S608  one of two tables
        f" FROM unnest(%s::bigint[], %s::text[]) AS fresh(id, vector) WHERE {table}.id = fresh.id",
        [model_name(), ids, vectors],
    )


def release_other_models() -> int:
    """Put passages that another model embedded back among those that wait; returns how many."""
    released = 0
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                f"UPDATE {table} SET embedding = NULL, embedding_model = ''"  # noqa: S608  one of the two tables above
                " WHERE embedding IS NOT NULL AND embedding_model <> %s",
                [model_name()],
            )
            released += int(cursor.rowcount)
    return released


def vector_text(vector: Vectors) -> str:
    """A vector as PostgreSQL reads it."""
    return orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode()


_encoders: dict[str, Encoder] = {}
_loading = threading.Lock()


def _encoder() -> Encoder:
    reference: str = settings.EMBEDDING_MODEL
    if reference in _encoders:
        return _encoders[reference]
    with _loading:
        if reference not in _encoders:
            _encoders[reference] = FakeEncoder() if reference == FAKE else OnnxEncoder(find_model(reference))
    return _encoders[reference]


@lru_cache(maxsize=CACHED_QUERIES)
def _encode_query(reference: str, text: str) -> Vectors:
    vector: Vectors = encode([_encoder().query_prompt + text])[0]
    vector.flags.writeable = False  # it is shared by every caller
    return vector


@lru_cache(maxsize=CACHED_QUERIES)
def _query_vector_text(reference: str, text: str) -> str:
    return vector_text(_encode_query(reference, text))


def _forget_after_fork() -> None:
    """A session's threads do not survive a fork: a child loads its own when it first needs one.

    The inherited ones are kept for ever, because ending them would wait for the threads that are not there.
    """
    global _loading
    for encoder in _encoders.values():
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(encoder))
    _encoders.clear()
    _loading = threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)
