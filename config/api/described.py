"""What operations have in common in the OpenAPI description: parameters and answers; must not be used to serve."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from config.api.pages import LIMIT_DEFAULT, LIMIT_MAXIMUM
from config.api.parameters import LONGEST_VALUE

_MOMENT = {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}


def word(name: str, description: str, *, required: bool = False) -> OpenApiParameter:
    """A parameter of plain text."""
    schema = {"type": "string", "maxLength": LONGEST_VALUE}
    return OpenApiParameter(name, schema, description=description, required=required)


def number(name: str, description: str, *, minimum: int, maximum: int, required: bool = False) -> OpenApiParameter:
    schema = {"type": "integer", "minimum": minimum, "maximum": maximum}
    return OpenApiParameter(name, schema, description=description, required=required)


def moment(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, _MOMENT, description=f"{description} ISO 8601; without an offset it is UTC.")


AS_OF = moment("as_of", "What was in force at this moment, instead of now.")
LIMIT = number("limit", f"Rows a page; {LIMIT_DEFAULT} unless said.", minimum=1, maximum=LIMIT_MAXIMUM)
CURSOR = word("cursor", "`next_cursor` of the page before, as it is.")
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag of your copy; 304 where it is still current."
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="The ETag you read it with: 428 without, 412 where somebody wrote since.",
)


def answers(serializer: Any, *, status: int = 200, etag: bool = False) -> dict[int, Any]:
    """The answers of an operation that succeeds; its refusals are added to every operation alike."""
    found: dict[int, Any] = {status: serializer}
    if etag:
        found[304] = OpenApiResponse(description="Your copy is current.")
    return found
