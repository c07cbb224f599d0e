"""Items with the version in force; must hold no rule and make no query beyond what the reading fetched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.rendering import rendered
from context.models import ContextItem, ContextVersion
from context.reading import IN_FORCE_THEN, ItemReading
from context.serializers.people import PersonSerializer, SensitivityField
from context.serializers.versions import VersionSerializer
from context.states import ItemState


class ItemFieldsSerializer(serializers.Serializer[ContextItem]):
    """What is said of an item wherever it stands."""

    key = serializers.CharField(help_text="domain/slug")
    kind = serializers.CharField(source="kind.slug")
    domain = serializers.CharField(source="domain.slug")
    owner = PersonSerializer(allow_null=True)
    sensitivity = SensitivityField()
    tags = serializers.ListField(child=serializers.CharField())
    state = serializers.ChoiceField(choices=ItemState.values)
    verified_until = serializers.DateTimeField(allow_null=True)


class VersionStampSerializer(serializers.Serializer[Any]):
    """Which version is in force, without its text."""

    number = serializers.IntegerField(min_value=1)
    title = serializers.CharField()
    digest = serializers.CharField()
    valid_from = serializers.DateTimeField()
    valid_to = serializers.DateTimeField(allow_null=True)
    published_at = serializers.DateTimeField()

    def to_representation(self, instance: Sequence[ContextVersion]) -> dict[str, Any]:
        # A prefetched list, of the one version that is in force at a moment.
        return super().to_representation(instance[0])


class ItemSummarySerializer(ItemFieldsSerializer):
    """An item as a list shows it, with the version in force at the moment asked for."""

    title = serializers.SerializerMethodField()
    version = VersionStampSerializer(source=IN_FORCE_THEN)

    def get_title(self, item: ContextItem) -> str:
        return str(getattr(item, IN_FORCE_THEN)[0].title)


class ItemPageSerializer(serializers.Serializer[Any]):
    results = ItemSummarySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class SourceSerializer(serializers.Serializer[ContextItem]):
    """The system of record; empty texts where there is none."""

    kind = serializers.CharField(source="source_kind")
    uri = serializers.CharField(source="source_uri")
    fingerprint = serializers.CharField(source="source_fingerprint")


class RelatedSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    key = serializers.CharField(source="target.key")
    title = serializers.CharField(source="target.title")


class ItemSerializer(ItemFieldsSerializer):
    """An item, its metadata now, and the version in force at the moment asked for; null where none was."""

    title = serializers.CharField()
    audiences = serializers.SerializerMethodField(help_text="Names of groups; empty for everyone with the clearance.")
    stewards = PersonSerializer(many=True)
    source = SourceSerializer(source="*")  # type: ignore[assignment]  # JSON has a field of that name
    review_interval_days = serializers.IntegerField()
    verified_at = serializers.DateTimeField(allow_null=True)
    verified_by = PersonSerializer(allow_null=True)
    retired_at = serializers.DateTimeField(allow_null=True)
    replaced_by = serializers.SerializerMethodField(help_text="The key of the item that took its place.")
    relations = serializers.SerializerMethodField()
    version = serializers.SerializerMethodField()

    def get_audiences(self, item: ContextItem) -> list[str]:
        return sorted(group.name for group in item.audiences.all())

    def get_replaced_by(self, item: ContextItem) -> str | None:
        replacement = self._reading.replaced_by
        return replacement.key if replacement is not None else None

    @extend_schema_field(RelatedSerializer(many=True))
    def get_relations(self, item: ContextItem) -> list[dict[str, Any]]:
        return [rendered(RelatedSerializer(relation)) for relation in self._reading.relations]

    @extend_schema_field(VersionSerializer(allow_null=True))
    def get_version(self, item: ContextItem) -> dict[str, Any] | None:
        version = self._reading.version
        return rendered(VersionSerializer(version)) if version is not None else None

    @property
    def _reading(self) -> ItemReading:
        reading: ItemReading = self.context["reading"]
        return reading


def render_item(reading: ItemReading) -> dict[str, Any]:
    return rendered(ItemSerializer(reading.item, context={"reading": reading}))
