"""Versions and what differs between two of them; must hold no rule and make no query."""

from __future__ import annotations

from typing import Any, get_args

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.rendering import rendered
from context.material import LABELS, Aspect, Move
from context.models import ContextVersion


class VersionApprovalSerializer(serializers.Serializer[Any]):
    person = serializers.CharField()
    username = serializers.CharField()
    at = serializers.DateTimeField()


class VersionSummarySerializer(serializers.Serializer[ContextVersion]):
    """A version without its text. True in the world from `valid_from` to `valid_to`, known from `published_at`."""

    number = serializers.IntegerField(min_value=1)
    title = serializers.CharField()
    digest = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="SHA-256 over the canonical JSON (RFC 8785).")
    locale = serializers.CharField()
    valid_from = serializers.DateTimeField()
    valid_to = serializers.DateTimeField(allow_null=True)
    published_at = serializers.DateTimeField()
    superseded_at = serializers.DateTimeField(allow_null=True, help_text="From when another version is in force.")
    change = serializers.IntegerField(source="change_number", help_text="The change that made it.")
    author = serializers.CharField(source="author_label")
    approvals = VersionApprovalSerializer(many=True)


class VersionSerializer(VersionSummarySerializer):
    """A version with its text, its structured data by kind, and the metadata it was approved with."""

    body = serializers.CharField(help_text="Markdown.")
    data = serializers.DictField(  # type: ignore[assignment]  # JSON has a field of that name
        help_text="By the JSON Schema of the item's kind."
    )
    claims = serializers.ListField(child=serializers.DictField())


class RelationSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    key = serializers.CharField()


class VersionMetadataSerializer(serializers.Serializer[Any]):
    """The metadata as approved with a version; people by user name, audiences by the names of groups."""

    kind = serializers.CharField()
    domain = serializers.CharField()
    owner = serializers.CharField(allow_null=True)
    stewards = serializers.ListField(child=serializers.CharField())
    sensitivity = serializers.CharField()
    audiences = serializers.ListField(child=serializers.CharField())
    tags = serializers.ListField(child=serializers.CharField())
    review_interval_days = serializers.IntegerField()
    relations = RelationSerializer(many=True)
    source = serializers.DictField(allow_null=True)  # type: ignore[assignment]  # JSON has a field of that name


class VersionReadingSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(source="item.key")
    version = VersionSerializer()
    metadata = serializers.SerializerMethodField()

    @extend_schema_field(VersionMetadataSerializer)
    def get_metadata(self, reading: Any) -> dict[str, Any]:
        stated = {**reading.version.metadata, "relations": reading.relations}
        return rendered(VersionMetadataSerializer(stated))


class VersionPageSerializer(serializers.Serializer[Any]):
    results = VersionSummarySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class SpanSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    changed = serializers.BooleanField()


class LineSerializer(serializers.Serializer[Any]):
    """A line beside its counterpart; null where a side has none."""

    old = SpanSerializer(many=True, allow_null=True)
    new = SpanSerializer(many=True, allow_null=True)


class PlaceSerializer(serializers.Serializer[Any]):
    """A run of a text: the characters from `start` up to `end`."""

    start = serializers.IntegerField(min_value=0)
    end = serializers.IntegerField(min_value=0)
    text = serializers.CharField()


class ReasonSerializer(serializers.Serializer[Any]):
    """One difference within a passage, with its evidence on each side; null where that side has none."""

    aspect = serializers.ChoiceField(choices=get_args(Aspect))
    substantive = serializers.BooleanField()
    why = serializers.CharField()
    old = PlaceSerializer(allow_null=True)
    new = PlaceSerializer(allow_null=True)


class PassageChangeSerializer(serializers.Serializer[Any]):
    """A passage that differs: what its change is called, whether it is one of substance, and why."""

    label = serializers.ChoiceField(choices=LABELS)  # type: ignore[assignment]  # a serializer has a field of that name
    material = serializers.BooleanField()
    move = serializers.ChoiceField(choices=get_args(Move))
    why = serializers.CharField()
    old = PlaceSerializer(allow_null=True)
    new = PlaceSerializer(allow_null=True)
    reasons = ReasonSerializer(many=True)


class TextDiffSerializer(serializers.Serializer[Any]):
    substantive = serializers.IntegerField(min_value=0, help_text="Passages that changed in substance.")
    editorial = serializers.IntegerField(min_value=0, help_text="Passages that changed in form only.")
    passages = PassageChangeSerializer(many=True, help_text="The passages that differ, those of substance first.")
    words_added = serializers.IntegerField()
    words_removed = serializers.IntegerField()
    lines = serializers.SerializerMethodField(help_text="The lines that differ, word by word.")

    @extend_schema_field(LineSerializer(many=True))
    def get_lines(self, diff: Any) -> list[dict[str, Any]]:
        return [rendered(LineSerializer(row)) for row in diff.rows if row.changed]


class FieldChangeSerializer(serializers.Serializer[Any]):
    """A field that differs; null on the side that does not have it."""

    field = serializers.SerializerMethodField()
    old = serializers.JSONField()
    new = serializers.JSONField()

    def get_field(self, change: Any) -> str:
        return ".".join(change.path)


class ComparisonSerializer(serializers.Serializer[Any]):
    old = VersionSummarySerializer()
    new = VersionSummarySerializer()
    body = TextDiffSerializer()
    fields_changed = FieldChangeSerializer(many=True, source="fields")
