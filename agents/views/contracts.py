"""The pages of contracts: what exactly does an agent get, and why? Must not serve or record anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import orjson
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.contracts import requirements_of
from agents.models import Agent, ContextContract, ContractVersion, Receipt, Refusal
from agents.use import visible_agents
from context.access import Principal, domain_ids_at_or_below
from context.availability import Availability, resolve
from context.bundles import ContextUnavailable, Order, assemble
from context.errors import DomainError, NotFound
from context.views.pages import PageRequest, page
from governance.forms.edit_form import said

SHOWN = 12
LONGEST_QUERY = 2_000


@require_GET
@page
def contracts(request: PageRequest) -> HttpResponse:
    """Every contract one may know of, with whether it can be met now."""
    found = (
        ContextContract.objects.visible_to(request.principal)
        .filter(current_version__isnull=False)
        .select_related("owner", "current_version")
        .prefetch_related("agents")
        .order_by("name")
    )
    state = {each.pk: _available(request.principal, each) for each in found}
    context = {
        "rows": [{"contract": each, "available": state[each.pk]} for each in found],
        "incomplete": sum(not available.complete for available in state.values()),
    }
    return render(request, "agents/contracts.html", context)


@require_GET
@page
def contract(request: PageRequest, slug: str) -> HttpResponse:
    """Requirements with their live state, and the bundle as an agent would get it."""
    subject = (
        ContextContract.objects.visible_to(request.principal)
        .filter(slug=slug, current_version__isnull=False)
        .select_related("owner", "current_version")
        .first()
    )
    if subject is None or subject.current_version is None:
        raise NotFound("There is no such contract.")
    version = subject.current_version
    known = visible_agents(request.principal)
    holders = list(subject.agents.filter(pk__in=known.values("pk")).prefetch_related("domains", "audiences"))
    available = _available(request.principal, subject)
    context = {
        "contract": subject,
        "version": version,
        "rows": _rows(version, available),
        "available": available,
        "agents": holders,
        "receipts": _receipts(subject, known)[:SHOWN],
        "refusals": _refusals(subject, known)[:SHOWN],
        "versions": subject.versions.select_related("created_by").order_by("-number")[:20],
        "asked": {name: request.GET.get(name, "")[:LONGEST_QUERY] for name in ("agent", "query", "as_of")},
        "tried": _try(request, version, holders) if "try" in request.GET else None,
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


def _available(principal: Principal, subject: ContextContract) -> Availability:
    assert subject.current_version is not None
    return resolve(principal=principal, requirements=requirements_of(subject.current_version.requirements))


def _rows(version: ContractVersion, available: Availability) -> list[dict[str, Any]]:
    """Each requirement with what meets it, or its gap."""
    gaps = {gap.requirement: gap for gap in available.gaps}
    return [
        {
            "requirement": requirement,
            "chosen": [each for each in available.chosen if each.requirement == requirement],
            "gap": gaps.get(requirement.name),
        }
        for requirement in requirements_of(version.requirements)
    ]


def _try(request: PageRequest, version: ContractVersion, holders: list[Agent]) -> dict[str, Any]:
    agent = next((each for each in holders if each.slug == request.GET.get("agent")), None)
    principal = seen_through(request.principal, agent) if agent is not None else request.principal
    order = Order(
        requirements=requirements_of(version.requirements),
        token_budget=version.token_budget,
        tokenizer=version.tokenizer,
        most_matches=version.most_matches,
        query=request.GET.get("query", "").replace("\x00", "").strip()[:LONGEST_QUERY],
        as_of=_moment(request.GET.get("as_of", "")),
        heading={"agent": agent.slug if agent else "", "contract": version.contract.slug},
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
        "digest": bundle.digest,
        "content": orjson.loads(bundle.content),
        "markdown": orjson.loads(rendered.content)["markdown"],
        "valid_until": bundle.valid_until,
        "at": bundle.at,
    }


def _moment(text: str) -> datetime | None:
    """The end of the day asked for; nothing where it is today or later."""
    try:
        end = datetime.combine(date.fromisoformat(text), time.max, tzinfo=UTC)
    except ValueError:
        return None
    return end if end < timezone.now() else None
