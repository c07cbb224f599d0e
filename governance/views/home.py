"""The home page: what needs me today, and is our context healthy? Must not change anything."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from context.inventory import read_inventory
from context.models import ContextVersion
from context.views.pages import PageRequest, page
from context.views.panels import panels
from governance.inbox import inbox_for
from governance.views.inbox import shown

SHOWN = 8


@require_GET
@page
def home(request: PageRequest) -> HttpResponse:
    """What awaits me first, then how each domain stands, then what is new."""
    now = timezone.now()
    principal = request.principal
    entries = inbox_for(principal=principal, now=now)
    first = next((entry for entry in entries if entry.kind == "review"), None)
    readiness = read_inventory(principal=principal, now=now)
    recent = (
        ContextVersion.objects.visible_to(principal)
        .select_related("item__kind", "item__domain")
        .defer("body", "data", "claims", "metadata")
        .order_by("-pk")[:SHOWN]
    )
    weakest = max(readiness, key=lambda entry: entry.overdue + entry.expired, default=None)
    context = {
        "now": now,
        "entries": [shown(entry) for entry in entries[:SHOWN]],
        "count": len(entries),
        "overdue": sum(entry.is_overdue(now) for entry in entries),
        "reviews": sum(entry.kind == "review" for entry in entries),
        "first": first,
        "readiness": [entry for entry in readiness if entry.items],
        "known": sum(entry.items for entry in readiness),
        "weakest": weakest if weakest is not None and weakest.overdue + weakest.expired else None,
        "recent": recent,
        "panels": panels(settings.HOME_PANELS, request, now=now),
    }
    return render(request, "governance/home.html", context)
