"""The forms by which an agent's runs are sent out, and the page of budgets; must not judge who may change either."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from agents.models import Agent, Budget
from agents.push_targets import PushTerms, remove_push_target, renew_push_secret, set_push_target
from agents.runs.setting_budgets import BudgetTerms, end_budget, may_set_for, set_budget, visible_budgets
from agents.use import visible_agents
from agents.views.agents import agent_of, show_agent
from agents.views.reaching import budget_lines
from agents.views.registry import price_of
from context.errors import DomainError, InvalidInput, NotFound, NotPermitted
from context.models import Domain
from context.views.pages import PageRequest, page
from context.views.paging import page_of
from governance.forms.edit_form import said

ON_A_PAGE = 25
LONGEST_WORDS = 100
PUSH_FIELDS = ("kind", "url", "instructions", "timeout_seconds", "most_output_tokens")
BUDGET_FIELDS = ("of", "period", "tokens", "cost", "reason")


@require_POST
@page
def set_push(request: PageRequest, slug: str) -> HttpResponse:
    """Set how the agent is reached, sign with a new secret, or send nothing any more."""
    subject, posted, now = agent_of(request, slug), request.POST, timezone.now()
    do, expected = posted.get("do", "set"), posted.get("revision") or None
    try:
        if do == "remove":
            remove_push_target(actor=request.user, agent=subject, expected=expected, now=now)
            messages.success(request, "Nothing is sent to it any more: its runs wait until it claims them.")
            return HttpResponseRedirect(reverse("agents:agent", args=[slug]) + "#reached")
        if do == "renew":
            made = renew_push_secret(actor=request.user, agent=subject, now=now)
        else:
            kind = posted.get("kind", "")
            terms = PushTerms(
                kind=kind,
                url=posted.get("url", "").strip() if kind != "model" else "",
                instructions=posted.get("instructions", "").strip() if kind == "model" else "",
                timeout_seconds=_whole(posted.get("timeout_seconds", "25"), "timeout_seconds"),
                most_output_tokens=_whole(posted.get("most_output_tokens", "2000"), "most_output_tokens"),
            )
            made = set_push_target(actor=request.user, agent=subject, terms=terms, expected=expected, now=now)
    except NotFound:
        raise
    except DomainError as error:
        if error.field in PUSH_FIELDS:
            wrong: dict[str, Any] = {"push_errors": {error.field: said(error)}}
        else:
            wrong = {"error": said(error)}
        return show_agent(request, subject, status=error.status, pushed=posted, **wrong)
    if made.secret:
        return show_agent(request, agent_of(request, slug), secret=made.secret)
    messages.success(request, "From now on its runs are sent to it.")
    return HttpResponseRedirect(reverse("agents:agent", args=[slug]) + "#reached")


@require_GET
@page
def budgets(request: PageRequest) -> HttpResponse:
    """What may be used, by whom, and how much of it is gone."""
    return _show_budgets(request)


def _show_budgets(request: PageRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    asked = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_WORDS]
    found = visible_budgets(request.principal)
    known = found.count()
    if asked:
        found = found.filter(Q(agent__name__icontains=asked) | Q(domain__name__icontains=asked))
    shown = page_of(request, found, ON_A_PAGE)
    lines = budget_lines(shown.object_list, principal=request.principal, now=timezone.now())
    context = {
        "page": shown,
        "budgets": lines,
        "known": known,
        "asked": asked,
        "spent": sum(line.spent for line in lines),
        "agents": [each for each in visible_agents(request.principal) if may_set_for(request.principal, each)],
        "domains": [each for each in Domain.objects.order_by("name") if may_set_for(request.principal, each)],
        "periods": Budget.Period.choices,
        **more,
    }
    return render(request, "agents/budgets.html", context, status=status)


@require_POST
@page
def change_budget(request: PageRequest) -> HttpResponse:
    """Set a budget, or end it; back to the page that it was asked on."""
    posted, now = request.POST, timezone.now()
    of = _named(request, posted.get("of", ""))
    period, reason, expected = posted.get("period", ""), posted.get("reason", ""), posted.get("revision") or None
    try:
        if posted.get("do") == "end":
            end_budget(actor=request.user, of=of, period=period, reason=reason, expected=expected, now=now)
            messages.success(request, f"{of.name} is not bound by that budget any more.")
        else:
            tokens, cost = posted.get("tokens", "").strip(), posted.get("cost", "").strip()
            terms = BudgetTerms(
                period=period,
                tokens=_whole(tokens, "tokens") if tokens else None,
                cost=price_of(cost, "cost") if cost else None,
            )
            set_budget(actor=request.user, of=of, terms=terms, reason=reason, expected=expected, now=now)
            messages.success(request, f"Runs of {of.name} stop there.")
    except NotFound:
        raise
    except NotPermitted as error:
        messages.error(request, said(error))
    except DomainError as error:
        # Back to where it was typed, with all that was typed, and what is wrong beside its field.
        field = error.field if error.field in BUDGET_FIELDS else "general"
        wrong = {"budget_typed": posted, "budget_errors": {field: said(error)}}
        if isinstance(of, Agent) and posted.get("back") == "agent":
            return show_agent(request, agent_of(request, of.slug), status=error.status, **wrong)
        return _show_budgets(request, status=error.status, **wrong)
    if isinstance(of, Agent) and posted.get("back") == "agent":
        return HttpResponseRedirect(reverse("agents:agent", args=[of.slug]) + "#budgets")
    return HttpResponseRedirect(reverse("agents:budgets"))


def _named(request: PageRequest, text: str) -> Agent | Domain:
    """`agent:slug` or `domain:slug`."""
    kind, _, slug = text.partition(":")
    found: Agent | Domain | None = None
    if kind == "agent":
        found = visible_agents(request.principal).filter(slug=slug).first()
    elif kind == "domain":
        found = Domain.objects.filter(slug=slug).first()
    if found is None:
        raise NotFound("There is no such agent or domain.")
    return found


def _whole(text: str, name: str) -> int:
    cleaned = text.replace(",", "").replace(" ", "")
    if not (cleaned.isascii() and cleaned.isdigit() and len(cleaned) < 16):
        raise InvalidInput(f"{name} is not a whole number.", field=name, fix="Write such as 20000.")
    return int(cleaned)
