"""The URL map of the application as plain patterns, walked from the resolver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLResolver, get_resolver


def patterns() -> Iterator[tuple[str, str, Any]]:
    """Every pattern, its name (empty where it has none) and its view."""
    yield from _walk(get_resolver().url_patterns, "")


def _walk(entries: list[Any], prefix: str) -> Iterator[tuple[str, str, Any]]:
    for entry in entries:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, pattern)
        else:
            yield pattern, entry.name or "", entry.callback


def methods_of(view: Any) -> set[str]:
    """The methods that a view of the API takes; GET for a plain view."""
    made_by = getattr(view, "cls", getattr(view, "view_class", None))
    if made_by is None:
        return {"GET"}
    return {name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(made_by, name)}
