"""People and levels as they stand inside other records; must not show more of a person than their name."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from context.models import Sensitivity, User

SENSITIVITIES = tuple(level.word for level in Sensitivity)


class PersonSerializer(serializers.Serializer[User]):
    """Who: the user name, which filters and edits take, and the name to be shown."""

    username = serializers.CharField()
    name = serializers.CharField(source="display_name")


class SensitivityField(serializers.ChoiceField):
    """The word of a level: public, internal, confidential or restricted."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=SENSITIVITIES, **kwargs)

    def to_representation(self, value: Any) -> str:
        return Sensitivity(value).word
