"""The list of changes: which wait for me, which are mine, all that I may see; must not decide on any."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from context.views.pages import PageRequest, page
from governance.inbox import waiting_for
from governance.models import Change, ChangeState

PAGE_SIZE = 40


@require_GET
@page
def changes(request: PageRequest) -> HttpResponse:
    """Which changes wait, for whom, and what became of the others?"""
    waiting = waiting_for(request.principal)
    view = request.GET.get("show", "waiting" if waiting else "mine")
    state = request.GET.get("state", "")
    visible = Change.objects.visible_to(request.principal)
    mine = visible.filter(author=request.user)
    if view == "waiting":
        found = visible.filter(pk__in=[each.change.pk for each in waiting])
    elif view == "mine":
        found = mine
    else:
        view, found = "all", visible
    if state in ChangeState.values:
        found = found.filter(state=state)
    paginator = Paginator(_listed(found), PAGE_SIZE)
    number = request.GET.get("page", "1")
    shown = paginator.get_page(number if number.isascii() and number.isdigit() and len(number) < 7 else 1)
    context = {
        "view": view,
        "state": state,
        "states": ChangeState.choices,
        "changes": shown,
        "why": {each.change.pk: each for each in waiting},
        "waiting_count": len(waiting),
        "mine_open": mine.filter(state__in=ChangeState.open_states()).count(),
        "in_review": visible.filter(state=ChangeState.IN_REVIEW).count(),
    }
    return render(request, "governance/changes.html", context)


def _listed(found: QuerySet[Change]) -> QuerySet[Change]:
    return found.select_related("author").annotate(items=Count("edits")).order_by("-updated_at", "-pk")
