"""Readiness and the table of critical context as they are shown; must hold no rule and make no query."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from context.serializers.vocabulary import DomainReadinessSerializer

FIGURES_HELP = (
    "By measure: texts, needed, met, slots; verified_percent, overdue, age_percent; contradictions, "
    "one_snapshot_percent; owned_percent, own_policies, approval_days; contracts, contracts_holding. "
    "Null or absent where nothing is known."
)


class ReadinessSerializer(serializers.Serializer[Any]):
    """The figures of one domain, as the inventory has them and by measure."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {**DomainReadinessSerializer(instance["entry"]).data, "figures": dict(instance["figures"])}

    def get_fields(self) -> dict[str, Any]:
        figures = serializers.DictField(child=serializers.FloatField(allow_null=True), help_text=FIGURES_HELP)
        return {**DomainReadinessSerializer().get_fields(), "figures": figures}


class ContextEntrySerializer(serializers.Serializer[Any]):
    """One text, or one expected kind that is missing: then `key` is empty and `finding` the task to fill it."""

    function = serializers.CharField(source="domain.name")
    context = serializers.CharField()  # type: ignore[assignment]  # JSON has a field of that name
    kind = serializers.CharField()
    key = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # as above
    update_every_days = serializers.IntegerField(source="every_days", allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)
    owner = serializers.CharField()
    state = serializers.CharField(help_text="in_force, overdue, scheduled, expired or missing.")
    finding = serializers.IntegerField(allow_null=True)


class InventorySerializer(serializers.Serializer[Any]):
    results = ReadinessSerializer(many=True)
    overall = serializers.DictField(child=serializers.FloatField(allow_null=True), help_text=FIGURES_HELP)
    contexts = ContextEntrySerializer(many=True, required=False, help_text="With `domain`: its table.")
    more = serializers.BooleanField(required=False, help_text="There is more than the table shows.")
