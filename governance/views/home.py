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
from governance.inbox import overdue_items, waiting_for
from governance.models import Change, ChangeState

SHOWN = 8


@require_GET
@page
def home(request: PageRequest) -> HttpResponse:
    """What awaits me first, then how each domain stands, then what is new."""
    now = timezone.now()
    principal = request.principal
    waiting = waiting_for(principal)
    overdue = overdue_items(principal, now=now)
    own = Change.objects.visible_to(principal).filter(editors=request.user).select_related("author")
    drafts = list(own.filter(state=ChangeState.DRAFT).order_by("-updated_at"))
    approved = list(own.filter(state=ChangeState.APPROVED).order_by("-updated_at"))
    suspended = list(own.filter(state=ChangeState.SCHEDULED).exclude(suspended_because=""))
    readiness = read_inventory(principal=principal, now=now)
    recent = (
        ContextVersion.objects.visible_to(principal)
        .select_related("item__kind", "item__domain")
        .order_by("-published_at", "-pk")[:SHOWN]
    )
    weakest = max(readiness, key=lambda entry: entry.overdue + entry.expired, default=None)
    context = {
        "now": now,
        "waiting": waiting[:SHOWN],
        "waiting_count": len(waiting),
        "overdue": overdue[:SHOWN],
        "overdue_count": len(overdue),
        "drafts": drafts[:SHOWN],
        "drafts_count": len(drafts),
        "approved": approved[:SHOWN],
        "suspended": suspended[:SHOWN],
        "readiness": [entry for entry in readiness if entry.items],
        "known": sum(entry.items for entry in readiness),
        "weakest": weakest if weakest is not None and weakest.overdue + weakest.expired else None,
        "recent": recent,
        "panels": panels(settings.HOME_PANELS, request, now=now),
    }
    return render(request, "governance/home.html", context)
