"""The pages of agents: who is out there, what may each reach, which keys does it hold? Must not judge rights."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, Max, Q, prefetch_related_objects
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from agents.keys import DEFAULT_SCOPES, issue_key, revoke_key, rotate_key
from agents.models import Agent, AgentKey, AgentState, Scope
from agents.registry import set_state
from agents.use import skew_of, visible_agents
from agents.views.reaching import reaching_of
from context.errors import DomainError, NotFound
from context.models import Role
from context.views.pages import PageRequest, page
from context.views.paging import page_of
from governance.forms.edit_form import said
from governance.models import AuditEvent

LATELY = timedelta(days=30)
LIFETIMES = {"30": 30, "90": 90, "365": 365}
GRACES = {"0": 0, "1": 1, "7": 7}
SHOWN = 15
ENDED_SHOWN = 100
ON_A_PAGE = 50


@require_GET
@page
def agents(request: PageRequest) -> HttpResponse:
    """The registry, as far as this person may know of it."""
    now = timezone.now()
    lately = now - LATELY
    asked, state = request.GET.get("q", "").strip()[:100], request.GET.get("state", "")
    known = list(
        visible_agents(request.principal)
        .select_related("owner")
        .annotate(
            last_seen=Max("keys__last_used_at"),
            refused=Count("refusals", filter=Q(refusals__refused_at__gte=lately), distinct=True),
        )
        .order_by("name")
    )
    listed = [
        each
        for each in known
        if asked.casefold() in f"{each.name} {each.slug}".casefold()
        and (state not in AgentState.values or each.state == state)
    ]
    shown = page_of(request, listed, ON_A_PAGE)
    prefetch_related_objects(list(shown.object_list), "domains", "contracts")
    skew = skew_of(principal=request.principal, agents=known)
    context = {
        "now": now,
        "page": shown,
        "asked": asked,
        "state": state if state in AgentState.values else "",
        "states": AgentState.choices,
        "figures": {
            "all": len(known),
            "sanctioned": sum(agent.state == AgentState.SANCTIONED for agent in known),
        },
        "refused": sum(1 for agent in known if agent.refused),
        "skew": skew,
        "behind": sum(1 for each in skew.values() if each.behind),
    }
    return render(request, "agents/agents.html", context)


@require_GET
@page
def agent(request: PageRequest, slug: str) -> HttpResponse:
    """One agent: reach, contracts, keys, what it got and what it was refused."""
    return show_agent(request, agent_of(request, slug))


@require_POST
@page
def make_key(request: PageRequest, slug: str) -> HttpResponse:
    """Issue a key and show it on this one page, never again."""
    subject = agent_of(request, slug)
    now = timezone.now()
    days = LIFETIMES.get(request.POST.get("days", "90"), 90)
    name, scopes = request.POST.get("name", "").strip(), request.POST.getlist("scopes")
    try:
        issued = issue_key(
            actor=request.user,
            agent=subject,
            name=name,
            scopes=scopes,
            expires_at=now + timedelta(days=days),
            now=now,
        )
    except DomainError as error:
        return show_agent(
            request, subject, status=error.status, error=said(error), typed={"name": name, "scopes": scopes}
        )
    return show_agent(request, subject, issued=issued)


@require_POST
@page
def renew_key(request: PageRequest, slug: str, prefix: str) -> HttpResponse:
    """Issue its successor; the old one works until the grace is over."""
    subject = agent_of(request, slug)
    grace = timedelta(days=GRACES.get(request.POST.get("grace", "1"), 1))
    try:
        issued = rotate_key(actor=request.user, key=_key(subject, prefix), grace=grace, now=timezone.now())
    except NotFound:
        raise
    except DomainError as error:
        return show_agent(request, subject, status=error.status, error=said(error))
    return show_agent(request, subject, issued=issued)


@require_POST
@page
def end_key(request: PageRequest, slug: str, prefix: str) -> HttpResponse:
    subject = agent_of(request, slug)
    key = revoke_key(actor=request.user, key=_key(subject, prefix), now=timezone.now())
    messages.success(request, f"The key “{key.name}” is refused from now on.")
    return HttpResponseRedirect(reverse("agents:agent", args=[slug]))


@require_POST
@page
def change_state(request: PageRequest, slug: str) -> HttpResponse:
    """Suspend, or sanction again."""
    subject = agent_of(request, slug)
    try:
        changed = set_state(
            actor=request.user,
            agent=subject,
            state=request.POST.get("state", ""),
            reason=request.POST.get("reason", ""),
            now=timezone.now(),
        )
    except DomainError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, f"{changed.name} is {changed.get_state_display().lower()} from its next request on.")
    return HttpResponseRedirect(reverse("agents:agent", args=[slug]))


def agent_of(request: PageRequest, slug: str) -> Agent:
    found = (
        visible_agents(request.principal)
        .select_related("owner", "endpoint")
        .prefetch_related("domains", "audiences", "contracts__current_version")
        .filter(slug=slug)
        .first()
    )
    if found is None:
        raise NotFound("There is no such agent.")
    return found


def _key(subject: Agent, prefix: str) -> AgentKey:
    found = subject.keys.select_related("agent").filter(prefix=prefix).first()
    if found is None:
        raise NotFound("There is no such key.")
    return found


def _ended(key: AgentKey, now: datetime) -> bool:
    return (
        key.revoked_at is not None or key.expires_at <= now or (key.grace_until is not None and key.grace_until <= now)
    )


def show_agent(request: PageRequest, subject: Agent, *, status: int = 200, **more: Any) -> HttpResponse:
    """The page of the agent, with what was just done or refused."""
    principal = request.principal
    now = timezone.now()
    keys = list(subject.keys.select_related("created_by", "replaced_by"))
    context = {
        "now": now,
        "agent": subject,
        "keys": [key for key in keys if not _ended(key, now)],
        "ended_keys": [key for key in keys if _ended(key, now)][:ENDED_SHOWN],
        "receipts": subject.receipts.select_related("bundle__contract_version__contract")[:SHOWN],
        "refusals": subject.refusals.select_related("contract_version__contract")[:SHOWN],
        "receipts_count": subject.receipts.filter(served_at__gte=now - LATELY).count(),
        "refusals_count": subject.refusals.filter(refused_at__gte=now - LATELY).count(),
        "may_handle": principal.has_role(Role.ADMINISTRATOR) or subject.owner_id == principal.id,
        "may_sanction": principal.has_role(Role.ADMINISTRATOR),
        "history": AuditEvent.objects.filter(subject_type="agent", subject_id=subject.slug).order_by("-sequence")[
            :SHOWN
        ],
        **reaching_of(principal=principal, agent=subject, now=now),
        "scopes": Scope.choices,
        "chosen": more.get("typed", {}).get("scopes") or list(DEFAULT_SCOPES),
        **more,
    }
    return render(request, "agents/agent.html", context, status=status)
