"""The catalogue page: search as you type, facets with counts, pages; must not decide what may be seen."""

from __future__ import annotations

from itertools import chain
from typing import Any

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from context.catalogue import FACETS, MOST_EXPORTED, SORTS, Facet, Filters, find_items, list_items, read_catalogue
from context.models import Sensitivity, User
from context.restricted_reads import TextRead, record_restricted
from context.spreadsheets import csv_lines
from context.views.pages import PageRequest, page
from context.views.panels import panels

PEOPLE_LISTED = 500
EXPORTED = (
    "key",
    "title",
    "kind",
    "domain",
    "owner",
    "sensitivity",
    "state",
    "version",
    "published_at",
    "verified_until",
    "tags",
)
FACET_NAMES = {
    "kind": "Kind",
    "domain": "Domain",
    "state": "State",
    "owner": "Owner",
    "sensitivity": "Sensitivity",
    "tag": "Tag",
}
SORT_NAMES = {
    "title": "by title",
    "changed": "last published first",
    "due": "verification due first",
    "domain": "by domain",
}


@require_GET
@page
def catalogue(request: PageRequest) -> HttpResponse:
    """What do we know about X?"""
    words, filters, sort = _asked(request)
    now = timezone.now()
    ranked, snippets = find_items(principal=request.principal, words=words, now=now) if words else (None, {})
    found = read_catalogue(
        principal=request.principal,
        filters=filters,
        now=now,
        ranked=ranked,
        sort=sort if sort in SORTS else ("" if words else "title"),
        page=_number(request.GET.get("page", "1")),
    )
    context = {
        "now": now,
        "q": words,
        "filters": filters,
        "found": found,
        "snippets": snippets,
        "facets": [_named(facet) for facet in found.facets],
        "sort": sort,
        "sorts": SORT_NAMES,
        "start": (found.page - 1) * 50,
        "panels": panels(settings.CATALOGUE_PANELS, request),
        "people": User.objects.filter(is_active=True).order_by("first_name", "username")[:PEOPLE_LISTED],
    }
    partial = request.htmx and not request.htmx.history_restore_request and request.htmx.target == "results"
    response = render(request, "context/_results.html" if partial else "context/catalogue.html", context)
    shown = [
        TextRead(key=each.key, title=each.title, sensitivity=each.sensitivity)
        for each in found.items
        if each.pk in snippets
    ]
    record_restricted(principal=request.principal, texts=shown, how="search", now=now)
    return response


@require_GET
@page
def export(request: PageRequest) -> StreamingHttpResponse:
    """What the catalogue shows for this search, or the items named by `key`, as CSV; without their texts."""
    words, filters, sort = _asked(request)
    now = timezone.now()
    ranked = find_items(principal=request.principal, words=words, now=now)[0] if words else None
    named = [key.replace("\x00", "")[:200] for key in request.GET.getlist("key")[:MOST_EXPORTED]]
    rows = list_items(
        principal=request.principal, filters=filters, now=now, ranked=ranked, sort=sort, keys=named or None
    )
    lines = csv_lines(chain([EXPORTED], (_cells(item) for item in rows)))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="catalogue-{now:%Y-%m-%d}.csv"'
    return response


def _asked(request: PageRequest) -> tuple[str, Filters, str]:
    words = request.GET.get("q", "").replace("\x00", "").strip()[:400]
    return words, Filters(**{name: _values(request, name) for name in FACETS}), request.GET.get("sort", "")


def _cells(item: Any) -> list[Any]:
    version = item.current_version
    return [
        item.key,
        item.title,
        item.kind.slug,
        item.domain.slug,
        item.owner.username if item.owner else "",
        Sensitivity(item.sensitivity).word,
        item.state,
        version.number if version else "",
        version.published_at.isoformat() if version else "",
        item.verified_until.isoformat() if item.verified_until else "",
        " ".join(item.tags),
    ]


def _values(request: PageRequest, name: str) -> tuple[str, ...]:
    return tuple(value.replace("\x00", "")[:200] for value in request.GET.getlist(name)[:50] if value)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1


def _named(facet: Facet) -> dict[str, object]:
    open_ = facet.name in ("kind", "domain", "state") or any(option.chosen for option in facet.options)
    return {
        "name": facet.name,
        "label": FACET_NAMES[facet.name],
        "options": facet.options,
        "more": facet.more,
        "open": open_,
    }
