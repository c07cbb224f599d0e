"""What a search found; must hold no rule and make no query."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from context.search import Hit
from context.serializers.people import SensitivityField


class HitSerializer(serializers.Serializer[Hit]):
    """A passage in force. `score` orders the hits; the ranks say which way it was found, null where it was not."""

    key = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.CharField()
    domain = serializers.CharField()
    sensitivity = SensitivityField()
    version = serializers.IntegerField()
    heading_path = serializers.CharField(allow_blank=True)
    anchor = serializers.CharField(allow_blank=True)
    text = serializers.CharField()
    token_count = serializers.IntegerField()
    score = serializers.FloatField()
    rank_by_meaning = serializers.IntegerField(source="dense_rank", allow_null=True)
    rank_by_words = serializers.IntegerField(source="lexical_rank", allow_null=True)


class SearchAnswerSerializer(serializers.Serializer[Any]):
    results = HitSerializer(many=True, source="hits")
    unembedded = serializers.IntegerField(help_text="Passages in reach that are found by words alone for now.")
