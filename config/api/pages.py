"""Pages of a list by signed cursor over one unique column; must not count or skip rows.

Each page is one query whatever its place in the list, and rows added meanwhile neither repeat nor push others out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core import signing
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from rest_framework.serializers import BaseSerializer

from config.api.errors import InvalidCursor
from config.api.parameters import Parameters

LIMIT_DEFAULT = 50
LIMIT_MAXIMUM = 200
SALT = "plumbline.api.cursor"
PAGE_PARAMETERS = ("limit", "cursor")

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Row]):
    """The rows of one page and where the next begins; both references are None on the last page."""

    rows: Sequence[Row]
    next_cursor: str | None
    next: str | None

    def written_as(self, serializer: type[BaseSerializer[Any]]) -> dict[str, Any]:
        """The page with each row as the serializer writes it; the serializer is built once."""
        rows = serializer(self.rows, many=True).data
        return {"results": rows, "next_cursor": self.next_cursor, "next": self.next}

    def rendered(self, render: Callable[[Row], Any]) -> dict[str, Any]:
        return {
            "results": [render(row) for row in self.rows],
            "next_cursor": self.next_cursor,
            "next": self.next,
        }


def read_page(rows: QuerySet[Row], *, request: HttpRequest, parameters: Parameters, by: str) -> Page[Row]:
    """One page of `rows` ordered by the unique column `by` (`-` in front: descending). One query.

    Raises InvalidParameter for a limit outside 1 to 200, InvalidCursor for a cursor that was altered or that belongs
    to another list or to other filters.
    """
    limit = parameters.integer("limit", default=LIMIT_DEFAULT, minimum=1, maximum=LIMIT_MAXIMUM)
    column = by.removeprefix("-")
    belongs_to = _belongs_to(request, by)
    cursor = parameters.text("cursor")
    if cursor:
        after = _unsigned(cursor, belongs_to)
        rows = rows.filter(**{f"{column}__{'lt' if by.startswith('-') else 'gt'}": after})
    found = list(rows.order_by(by)[: limit + 1])
    if len(found) <= limit:
        return Page(rows=found, next_cursor=None, next=None)
    last = getattr(found[limit - 1], column)
    following = signing.dumps([belongs_to, last if isinstance(last, int) else str(last)], salt=SALT)
    query = request.GET.copy()
    query["cursor"] = following
    return Page(rows=found[:limit], next_cursor=following, next=f"{request.path}?{query.urlencode()}")


def _belongs_to(request: HttpRequest, by: str) -> str:
    """What a cursor is bound to: the list and its filters, not the size of a page."""
    filters = sorted((name, *values) for name, values in request.GET.lists() if name not in PAGE_PARAMETERS)
    return hashlib.sha256(repr((request.path, by, filters)).encode()).hexdigest()[:16]


def _unsigned(cursor: str, belongs_to: str) -> str | int:
    try:
        bound_to, last = signing.loads(cursor, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise _refused() from error
    if bound_to != belongs_to or not isinstance(last, str | int):
        raise _refused()
    return last


def _refused() -> InvalidCursor:
    return InvalidCursor(
        "The cursor was altered, or belongs to another list or to other filters.",
        field="cursor",
        fix="Take the cursor from the previous page as it is, with the same filters, or start without one.",
    )
