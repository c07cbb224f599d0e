"""Passages: sections of published versions, indexed for search; must not be the record of any text."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Func, Q
from pgvector.django import HalfVectorField, HnswIndex, SparseVectorField

from context.models.items import visible_items

if TYPE_CHECKING:
    from context.access import Principal

EMBEDDING_DIMENSIONS = 384
# Of the vector index: half the links that are usual, at half the work for each vector that comes in; a search looks at
# more of them instead (`hnsw.ef_search`), and finds as much (docs/decisions/how-search-ranks.md).
LINKS = 8
LOOKED_AT = 80
WORD_DIMENSIONS = 268_435_456  # words are numbered by 28 bits of a hash


class PassageQuerySet(models.QuerySet["Passage"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(visible_items(principal, prefix="item__"))

    def in_force(self, at: datetime) -> Self:
        return self.filter(in_force_from__lte=at).filter(Q(in_force_until__isnull=True) | Q(in_force_until__gt=at))


class Passage(models.Model):
    """A section of a version that is, or will be, in force. Rows are an index: they are replaced at publication.

    `in_force_from`/`in_force_until` bound when the passage may be found; `embedding` is null until computed.
    `words` weighs each word by how often the passage says it and how long it is (the part of BM25 that needs no other
    text); `filed` lists its words, each alone and each with its compartment, for the index. A trigger sets
    `compartment`, whatever is written there.
    """

    item = models.ForeignKey("context.ContextItem", on_delete=models.CASCADE, related_name="passages")
    version = models.ForeignKey("context.ContextVersion", on_delete=models.CASCADE, related_name="passages")
    ordinal = models.PositiveIntegerField()
    heading_path = models.CharField(max_length=600, blank=True)
    anchor = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    token_count = models.PositiveIntegerField()
    embedding = HalfVectorField(dimensions=EMBEDDING_DIMENSIONS, null=True, blank=True)
    embedding_model = models.CharField(max_length=120, blank=True)
    compartment = models.ForeignKey("context.Compartment", on_delete=models.PROTECT, null=True, related_name="+")
    words = models.GeneratedField(
        expression=Func(F("heading_path"), F("text"), function="plumbline_words"),
        output_field=SparseVectorField(dimensions=WORD_DIMENSIONS),
        db_persist=True,
    )
    filed = models.GeneratedField(
        expression=Func(F("compartment_id"), F("heading_path"), F("text"), function="plumbline_filed"),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    in_force_from = models.DateTimeField()
    in_force_until = models.DateTimeField(null=True, blank=True)

    objects = PassageQuerySet.as_manager()

    class Meta:
        ordering = ["item_id", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["version", "ordinal"], name="passage_stands_once_in_its_version"),
        ]
        indexes = [
            GinIndex(fields=["filed"], name="passage_filed"),
            HnswIndex(
                name="passage_embedding",
                fields=["embedding"],
                m=LINKS,
                ef_construction=LOOKED_AT,
                opclasses=["halfvec_cosine_ops"],
            ),
            models.Index(fields=["id"], condition=Q(embedding__isnull=True), name="passage_awaiting_embedding"),
        ]

    def __str__(self) -> str:
        return self.heading_path or f"passage {self.ordinal}"
