"""The catalogue page: search as you type, facets with counts, pages; must not decide what may be seen."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from context.catalogue import FACETS, SORTS, Facet, Filters, find_items, read_catalogue
from context.models import User
from context.restricted_reads import TextRead, record_restricted
from context.views.pages import PageRequest, page

PEOPLE_LISTED = 500
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
    words = request.GET.get("q", "").replace("\x00", "").strip()[:400]
    filters = Filters(**{name: _values(request, name) for name in FACETS})
    sort = request.GET.get("sort", "")
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
