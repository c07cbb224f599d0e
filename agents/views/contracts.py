"""The pages of contracts: what exactly does an agent get, and why? Must not serve or record anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import orjson
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.as_of import held_then
from agents.contract_availability import availability_of, lacking_in
from agents.contract_record import CONTRACTS
from agents.contracts import requirements_of, terms_of
from agents.gap_report import gap_report
from agents.models import Agent, ContextContract, ContractVersion, Receipt, Refusal
from agents.use import visible_agents
from agents.views.contract_edit import domains_to_propose_in
from context.access import Principal, domain_ids_at_or_below
from context.bundles import ContextUnavailable, Order, assemble
from context.errors import DomainError, NotFound
from context.models import Domain, Role
from context.views.pages import PageRequest, page
from context.views.paging import page_of
from governance.forms.edit_form import said
from governance.models import ChangeState
from governance.reading import ChangeFilters, changes_of

SHOWN = 12
ON_A_PAGE = 25
CHART_DAYS = 30
LONGEST_QUERY = 2_000


@require_GET
@page
def contracts(request: PageRequest) -> HttpResponse:
    """The contracts one may know of, those that refused agents lately first, with whether each can be met now."""
    asked = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    retired = request.GET.get("show") == "retired"
    known = ContextContract.objects.visible_to(request.principal).filter(current_version__isnull=False)
    figures = known.aggregate(
        live=Count("pk", filter=Q(retired_at__isnull=True)), retired=Count("pk", filter=Q(retired_at__isnull=False))
    )
    found = known.filter(retired_at__isnull=not retired)
    if asked:
        found = found.filter(Q(name__icontains=asked) | Q(slug__icontains=asked) | Q(purpose__icontains=asked))
    lately = Q(
        versions__refusals__agent__in=visible_agents(request.principal),
        versions__refusals__as_of__isnull=True,
        versions__refusals__refused_at__gte=timezone.now() - timedelta(days=CHART_DAYS),
    )
    found = found.annotate(refused=Count("versions__refusals", filter=lately)).order_by("-refused", "name", "slug")
    shown = page_of(request, found.select_related("owner", "domain", "current_version"), ON_A_PAGE)
    lacking = lacking_in(principal=request.principal, contracts=shown.object_list) if not retired else {}
    context = {
        "page": shown,
        "rows": [{"contract": each, "lacking": lacking.get(each.pk, ())} for each in shown.object_list],
        "incomplete": sum(bool(codes) for codes in lacking.values()),
        "figures": figures,
        "asked": asked,
        "retired": retired,
        "days": CHART_DAYS,
        "may_propose": bool(domains_to_propose_in(request)),
        "needs_domain": request.principal.has_role(Role.ADMINISTRATOR) and not Domain.objects.exists(),
        "waiting": changes_of(principal=request.principal, filters=ChangeFilters(record=CONTRACTS.name)).filter(
            state__in=ChangeState.open_states()
        )[:SHOWN],
    }
    return render(request, "agents/contracts.html", context)


@require_GET
@page
def contract(request: PageRequest, slug: str) -> HttpResponse:
    """Requirements with their live state, and the bundle as an agent would get it."""
    subject = (
        ContextContract.objects.visible_to(request.principal)
        .filter(slug=slug, current_version__isnull=False)
        .select_related("owner", "domain", "current_version")
        .prefetch_related("stewards")
        .first()
    )
    if subject is None or subject.current_version is None:
        raise NotFound("There is no such contract.")
    version = subject.current_version
    known = visible_agents(request.principal)
    holders = list(subject.agents.filter(pk__in=known.values("pk")).prefetch_related("domains", "audiences"))
    told = availability_of(principal=request.principal, contract=subject)
    now = timezone.now()
    facets = CONTRACTS.states([slug])[slug].facets
    context = {
        "contract": subject,
        "version": version,
        "rows": told.rows,
        "available": told.available,
        "may_propose": CONTRACTS.may_propose(request.principal, facets, new=False),
        "waiting": changes_of(
            principal=request.principal, filters=ChangeFilters(record=CONTRACTS.name, key=slug)
        ).filter(state__in=ChangeState.open_states())[:SHOWN],
        "report": gap_report(principal=request.principal, days=CHART_DAYS, now=now, contract=slug),
        "agents": holders,
        "receipts": _receipts(subject, known)[:SHOWN],
        "refusals": _refusals(subject, known)[:SHOWN],
        "versions": subject.versions.order_by("-number")[:20],
        "asked": {name: request.GET.get(name, "")[:LONGEST_QUERY] for name in ("agent", "query", "as_of")},
        "tried": _try(request, subject, holders) if "try" in request.GET else None,
    }
    return render(request, "agents/contract.html", context)


def seen_through(person: Principal, agent: Agent) -> Principal:
    """What the agent may read, as far as the person may read it too."""
    return Principal(
        kind="agent",
        id=agent.pk,
        label=agent.name,
        clearance=min(person.clearance, agent.clearance),
        groups=person.groups & frozenset(group.pk for group in agent.audiences.all()),
        domains=domain_ids_at_or_below(agent.domains.all()),
    )


def _receipts(subject: ContextContract, known: QuerySet[Agent]) -> QuerySet[Receipt]:
    found = Receipt.objects.filter(bundle__contract_version__contract=subject, agent__in=known)
    return found.select_related("agent", "bundle__contract_version").order_by("-served_at")


def _refusals(subject: ContextContract, known: QuerySet[Agent]) -> QuerySet[Refusal]:
    found = Refusal.objects.filter(contract_version__contract=subject, agent__in=known)
    return found.select_related("agent", "contract_version").order_by("-refused_at")


def _try(request: PageRequest, subject: ContextContract, holders: list[Agent]) -> dict[str, Any]:
    agent = next((each for each in holders if each.slug == request.GET.get("agent")), None)
    principal = seen_through(request.principal, agent) if agent is not None else request.principal
    as_of = _moment(request.GET.get("as_of", ""))
    try:
        principal, version = _then(principal, subject, as_of)
    except NotFound as error:
        return {"agent": agent, "error": said(error)}
    order = Order(
        requirements=requirements_of(version.requirements),
        token_budget=version.token_budget,
        tokenizer=version.tokenizer,
        most_matches=version.most_matches,
        query=request.GET.get("query", "").replace("\x00", "").strip()[:LONGEST_QUERY],
        as_of=as_of,
        heading={"agent": agent.slug if agent else "", "contract": subject.slug},
    )
    try:
        bundle = assemble(principal=principal, order=order)
        rendered = assemble(principal=principal, order=replace(order, form="markdown"))
    except ContextUnavailable as refusal:
        return {"agent": agent, "refused": refusal.gaps}
    except DomainError as error:
        return {"agent": agent, "error": said(error)}
    return {
        "agent": agent,
        "version": version.number,
        "digest": bundle.digest,
        "content": orjson.loads(bundle.content),
        "markdown": orjson.loads(rendered.content)["markdown"],
        "valid_until": bundle.valid_until,
        "at": bundle.at,
    }


def _then(principal: Principal, subject: ContextContract, as_of: datetime | None) -> tuple[Principal, ContractVersion]:
    """Who asks as they were at that moment, and the version of the contract that they held."""
    assert subject.current_version is not None
    if as_of is None or principal.kind != "agent":
        return principal, subject.current_version
    then, held = held_then(principal=principal, contract=subject.slug, at=as_of)
    return then, terms_of(*held)[0]


def _moment(text: str) -> datetime | None:
    """The end of the day asked for; nothing where it is today or later."""
    try:
        end = datetime.combine(date.fromisoformat(text), time.max, tzinfo=UTC)
    except ValueError:
        return None
    return end if end < timezone.now() else None
