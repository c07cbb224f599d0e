"""Serializers that take exactly what they name: unknown fields refused, no value bent into another type; no rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from context.moments import HOW_TO_WRITE, LONGEST_MOMENT, moment_of


class Input(serializers.Serializer[Any]):
    """Input whose unknown fields are named and refused: a misspelt field must not be a lost one."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                known = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {
                        name[:80]: [f"There is no such field. Use: {known}." if known else "No field is taken here."]
                        for name in unknown[:20]
                    }
                )
        return super().to_internal_value(data)


def take(serializer: type[Input], data: Mapping[str, Any], *, partial: bool = False) -> dict[str, Any]:
    """The checked input; DRF's ValidationError, rendered as a problem, where it does not fit."""
    checked = serializer(data=data, partial=partial)
    checked.is_valid(raise_exception=True)
    found: dict[str, Any] = checked.validated_data
    return found


class Text(serializers.CharField):
    """A JSON string; numbers are not bent into one. Bounded, and not trimmed."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Send text.")
        return data


class WholeNumber(serializers.IntegerField):
    """A JSON integer; neither text nor a fraction nor true."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise serializers.ValidationError("Send a whole number.")
        return data


class Moment(serializers.DateTimeField):
    """An ISO 8601 date or time; without an offset it is UTC."""

    def to_internal_value(self, data: Any) -> Any:
        moment = moment_of(data) if isinstance(data, str) else None
        if moment is None:
            raise serializers.ValidationError(HOW_TO_WRITE)
        return moment


@extend_schema_field(OpenApiTypes.DATETIME)
class MomentText(Text):
    """A moment that stays as it was written: the domain reads it, and bounds it, itself."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST_MOMENT, **kwargs)


class Structure(serializers.JSONField):
    """A JSON object, already checked to be storable by the body parser."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Send an object.")
        return data
