"""The vector indexes keep half as many links: vectors come in at half the work, and as much is found."""

from __future__ import annotations

from django.db import migrations
from pgvector.django import HnswIndex

INDEXES = {"passage": "passage_embedding", "pastpassage": "past_passage_embedding"}


class Migration(migrations.Migration):
    dependencies = [("context", "0012_past_passages")]
    operations = [
        operation
        for model, name in INDEXES.items()
        for operation in (
            migrations.RemoveIndex(model_name=model, name=name),
            migrations.AddIndex(
                model_name=model,
                index=HnswIndex(
                    name=name, fields=["embedding"], m=8, ef_construction=80, opclasses=["halfvec_cosine_ops"]
                ),
            ),
        )
    ]
