"""One page of a long list, by the number in the address; must not order or filter it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

LONGEST_NUMBER = 6  # digits


def page_of(request: HttpRequest, rows: QuerySet[Any] | Sequence[Any], size: int) -> Page[Any]:
    """The page that `page` in the address names; the first where it names none, the last where it is beyond."""
    asked = request.GET.get("page", "1")
    plain = asked.isascii() and asked.isdigit() and len(asked) <= LONGEST_NUMBER
    return Paginator(rows, size).get_page(asked if plain else 1)
