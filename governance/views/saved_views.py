"""Saved views on the catalogue: shown, kept, forgotten; must not search."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from context.errors import DomainError
from context.views.pages import PageRequest, page
from governance.forms.edit_form import said
from governance.saved_views import remove_view, save_view, views_of


def saved_views(*, request: PageRequest) -> tuple[str, dict[str, Any]]:
    return "governance/_saved_views.html", {
        "views": views_of(principal=request.principal),
        "query": _shown(request),
    }


def saved_view_forms(*, request: PageRequest) -> tuple[str, dict[str, Any]]:
    """The forms of its buttons, which stand outside the form of the catalogue; a button says which view it removes."""
    return "governance/_saved_view_forms.html", {"query": _shown(request)}


@require_POST
@page
def save(request: PageRequest) -> HttpResponse:
    """Keep the search that the page shows, and go back to it."""
    query = request.POST.get("query", "")
    try:
        made = save_view(
            actor=request.user,
            name=request.POST.get("name", ""),
            query=query,
            shared=request.POST.get("shared") == "1",
            now=timezone.now(),
        )
    except DomainError as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(reverse("context:catalogue"))
    messages.success(request, f"Kept as “{made.name}”{', for everybody' if made.shared else ''}.")
    return HttpResponseRedirect(f"{reverse('context:catalogue')}?{made.query}")


@require_POST
@page
def remove(request: PageRequest, view_id: int) -> HttpResponse:
    remove_view(actor=request.user, view_id=view_id, now=timezone.now())
    messages.success(request, "The view is forgotten.")
    return HttpResponseRedirect(reverse("context:catalogue"))


def _shown(request: PageRequest) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    return query.urlencode()[:2_000]
