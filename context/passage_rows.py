"""Writes the passages of versions that come into force; must not decide when that is (governance does)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from context.embeddings import vector_text
from context.passages import PassageDraft

WRITTEN_AT_ONCE = 1_000
# What the database works out itself (words, compartments) is not read back: nobody here asks for it.
_INSERT = """
INSERT INTO context_passage (
    item_id, version_id, ordinal, heading_path, anchor, text, token_count, embedding, embedding_model,
    in_force_from, in_force_until
)
SELECT item_id, version_id, ordinal, heading_path, anchor, text, token_count, embedding::halfvec, embedding_model,
       in_force_from, in_force_until
FROM unnest(
    %s::bigint[], %s::bigint[], %s::integer[], %s::text[], %s::text[], %s::text[], %s::integer[], %s::text[],
    %s::text[], %s::timestamptz[], %s::timestamptz[]
) AS fresh(
    item_id, version_id, ordinal, heading_path, anchor, text, token_count, embedding, embedding_model,
    in_force_from, in_force_until
)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PassagesOfVersion:
    """The drafts of one version, and from when to when they may be found."""

    item_id: int
    version_id: int
    drafts: Sequence[PassageDraft]
    in_force_from: datetime
    in_force_until: datetime | None


def write_passages(versions: Sequence[PassagesOfVersion]) -> None:
    """Write the passages of all these versions, in few statements. Only inside a publication."""
    written = [
        (
            version.item_id,
            version.version_id,
            draft.ordinal,
            draft.heading_path,
            draft.anchor,
            draft.text,
            draft.token_count,
            None if draft.embedding is None else vector_text(draft.embedding),
            draft.embedding_model,
            version.in_force_from,
            version.in_force_until,
        )
        for version in versions
        for draft in version.drafts
    ]
    with connection.cursor() as cursor:
        for start in range(0, len(written), WRITTEN_AT_ONCE):
            part = written[start : start + WRITTEN_AT_ONCE]
            cursor.execute(_INSERT, [list(column) for column in zip(*part, strict=True)])
