"""Past passages: sections of versions that were in force once, kept apart for questions about a past moment."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from pgvector.django import HalfVectorField, HnswIndex, SparseVectorField

from context.models.passages import EMBEDDING_DIMENSIONS, LINKS, LOOKED_AT, WORD_DIMENSIONS

COUNTED = ("id", "item", "compartment", "approved_compartment")


class PastPassage(models.Model):
    """What a passage was when its version was replaced or retired, under the number it had.

    A table of its own, so that the present is searched as if there were no past. `compartment` follows the item as it
    is now; `approved_compartment` is that of the metadata which the version was approved with (none where its domain,
    kind or audiences no longer exist: then nobody finds it). Both are set by triggers, whatever is written there.
    `filed` lists the words alone: compartments change, and the words of a past text do not.
    """

    id = models.BigIntegerField(primary_key=True)  # the passage's: numbers of the two tables never meet
    item = models.ForeignKey("context.ContextItem", on_delete=models.CASCADE, related_name="past_passages")
    version = models.ForeignKey("context.ContextVersion", on_delete=models.CASCADE, related_name="past_passages")
    ordinal = models.PositiveIntegerField()
    heading_path = models.CharField(max_length=600, blank=True)
    anchor = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    token_count = models.PositiveIntegerField()
    embedding = HalfVectorField(dimensions=EMBEDDING_DIMENSIONS, null=True, blank=True)
    embedding_model = models.CharField(max_length=120, blank=True)
    compartment = models.ForeignKey(
        "context.Compartment", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    approved_compartment = models.ForeignKey(
        "context.Compartment", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    words = SparseVectorField(dimensions=WORD_DIMENSIONS)
    filed = SearchVectorField()
    in_force_from = models.DateTimeField()
    in_force_until = models.DateTimeField()

    class Meta:
        ordering = ["item_id", "version_id", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["version", "ordinal"], name="past_passage_stands_once_in_its_version"),
            models.CheckConstraint(
                condition=Q(in_force_until__gt=models.F("in_force_from")), name="past_passage_was_in_force"
            ),
        ]
        indexes = [
            GinIndex(fields=["filed"], name="past_passage_filed"),
            HnswIndex(
                name="past_passage_embedding",
                fields=["embedding"],
                m=LINKS,
                ef_construction=LOOKED_AT,
                opclasses=["halfvec_cosine_ops"],
            ),
            # What was in force shortly before now, and at the very beginning, is little: it is counted by these, with
            # all that row-level security asks of a row.
            models.Index(fields=["in_force_until"], include=COUNTED, name="past_passage_ended"),
            models.Index(fields=["in_force_from"], include=COUNTED, name="past_passage_began"),
            models.Index(fields=["id"], condition=Q(embedding__isnull=True), name="past_passage_awaits_embedding"),
        ]

    def __str__(self) -> str:
        return self.heading_path or f"past passage {self.ordinal}"
