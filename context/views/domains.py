"""The pages of domains: can agents rely on this function's context? Must not count what its reader may not see."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from context.catalogue import TEXTS
from context.errors import NotFound
from context.inventory import read_inventory
from context.models import ContextItem
from context.states import with_state
from context.views.pages import PageRequest, page

ROWS_SHOWN = 200


@require_GET
@page
def domains(request: PageRequest) -> HttpResponse:
    """How ready is each domain?"""
    readiness = read_inventory(principal=request.principal, now=timezone.now())
    context = {
        "readiness": [entry for entry in readiness if entry.items],
        "empty": [entry for entry in readiness if not entry.items],
        "total": sum(entry.items for entry in readiness),
        "verified": sum(entry.verified for entry in readiness),
    }
    return render(request, "context/domains.html", context)


@require_GET
@page
def domain(request: PageRequest, slug: str) -> HttpResponse:
    """One domain: figures, then the table of function, context, source, frequency, owner, state."""
    now = timezone.now()
    inventory = read_inventory(principal=request.principal, now=now)
    readiness = next((entry for entry in inventory if entry.domain.slug == slug), None)
    if readiness is None:
        raise NotFound("There is no such domain.")
    items = ContextItem.objects.visible_to(request.principal).not_retired().filter(domain=readiness.domain)
    rows = with_state(items, at=now).select_related("kind", "owner", "current_version", "domain").defer(*TEXTS)
    context = {
        "now": now,
        "domain": readiness.domain,
        "readiness": readiness,
        "items": rows.order_by("kind__name", "title")[:ROWS_SHOWN],
        "not_shown": max(0, readiness.items - ROWS_SHOWN),
        "children": [entry for entry in inventory if entry.domain.parent_id == readiness.domain.pk],
    }
    return render(request, "context/domain.html", context)
