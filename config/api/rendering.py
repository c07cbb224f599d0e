"""Writes answers as JSON with orjson; must not decide what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer
from rest_framework.serializers import BaseSerializer

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def encode(value: Any) -> bytes:
    """UTF-8 JSON; datetimes as ISO 8601 with `Z`. `str` stands in for what JSON does not know (lazy texts)."""
    return orjson.dumps(value, default=str, option=OPTIONS)


def rendered(serializer: BaseSerializer[Any]) -> dict[str, Any]:
    """What a serializer of one record says of it."""
    return dict(serializer.data)


class JsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else encode(data)
