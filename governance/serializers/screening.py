"""Warnings about texts as they are shown; must hold no rule and make no query."""

from __future__ import annotations

from typing import Any, get_args

from rest_framework import serializers

from context.screening import Check


class WarningSerializer(serializers.Serializer[Any]):
    """A warning at its place. Invisible characters are named, secrets masked."""

    record = serializers.CharField()
    key = serializers.CharField()
    field = serializers.CharField(help_text="The path of the field, such as body or data.limits.1.note.")
    check = serializers.ChoiceField(choices=get_args(Check), source="alarm.check")
    kind = serializers.CharField(source="alarm.kind")
    start = serializers.IntegerField(min_value=0, source="alarm.start")
    end = serializers.IntegerField(min_value=0, source="alarm.end")
    shown = serializers.CharField(source="alarm.shown")
    why = serializers.CharField(source="alarm.why")
    serious = serializers.BooleanField(source="alarm.serious", help_text="Has to be acknowledged by approvers.")


class ScreeningSerializer(serializers.Serializer[Any]):
    digest = serializers.CharField(
        allow_blank=True, help_text="Of the serious warnings: what an approval names as `screening`. Empty: none."
    )
    warnings = WarningSerializer(many=True, source="found")
