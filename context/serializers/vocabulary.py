"""Kinds, domains and the inventory of each domain; must hold no rule and make no query."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from context.models import Domain, Kind
from context.serializers.people import PersonSerializer


class KindSerializer(serializers.Serializer[Kind]):
    slug = serializers.CharField()
    name = serializers.CharField()
    plural = serializers.CharField()
    description = serializers.CharField()
    schema = serializers.DictField(help_text="JSON Schema 2020-12 of an item's `data`.")
    built_in = serializers.BooleanField()
    default_review_interval_days = serializers.IntegerField()


class KindListSerializer(serializers.Serializer[Any]):
    results = KindSerializer(many=True)


class DomainSerializer(serializers.Serializer[Domain]):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    parent = serializers.CharField(  # type: ignore[assignment]  # JSON has a field of that name
        source="parent.slug", allow_null=True, default=None
    )
    owner = PersonSerializer(allow_null=True)


class DomainListSerializer(serializers.Serializer[Any]):
    results = DomainSerializer(many=True)


class DomainReadinessSerializer(serializers.Serializer[Any]):
    """Figures over the items of one domain, not of those below it, that the caller may see and nobody retired."""

    domain = serializers.CharField(source="domain.slug")
    name = serializers.CharField(source="domain.name")
    owner = PersonSerializer(source="domain.owner", allow_null=True)
    items = serializers.IntegerField()
    by_kind = serializers.DictField(child=serializers.IntegerField())
    verified = serializers.IntegerField()
    overdue = serializers.IntegerField()
    scheduled = serializers.IntegerField()
    expired = serializers.IntegerField()
    without_owner = serializers.IntegerField(source="unowned")
    in_conflict = serializers.IntegerField()
    median_age_days = serializers.FloatField(
        allow_null=True, help_text="Since the version in force was published; null where nothing is in force."
    )
    state = serializers.CharField(source="word", help_text="ready, partly ready, not ready or empty.")
