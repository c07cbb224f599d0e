"""Registers agents and changes what they may reach; must not mint keys (keys.py) or touch context."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from agents.endpoints import check_capabilities
from agents.models import Agent, AgentState, ContextContract, ModelEndpoint
from agents.programs import check_programs
from context.access import Principal
from context.digests import check_storable, digest_of
from context.errors import InvalidInput, NotPermitted
from context.models import Domain, Role, Sensitivity, User
from governance.audit import ledger
from governance.audit.attempts import asking, denials_recorded


class AgentOutreachesOwner(InvalidInput):
    """An agent would read more than the person who answers for it."""

    type = "agent-outreaches-owner"
    title = "An agent may not read more than its owner"


def save_agent(
    *,
    actor: User,
    slug: str,
    name: str,
    purpose: str,
    owner: User,
    clearance: int,
    domains: Sequence[Domain],
    audiences: Sequence[Group] = (),
    contracts: Sequence[ContextContract] = (),
    state: str = AgentState.SANCTIONED,
    endpoint: ModelEndpoint | None = None,
    capabilities: Sequence[str] = (),
    programs: Sequence[str] = (),
    now: datetime,
) -> Agent:
    """Register the agent, or give the one of that slug exactly these rights. Bites at its next request."""
    principal = asking(actor)
    with _attempting("save", principal, slug, name, now):
        _require_administrator(principal)
        _check(actor=principal, owner=owner, clearance=clearance, audiences=audiences, state=state)
    for field, value in (("slug", slug), ("name", name), ("purpose", purpose)):
        # A page of its own stands at that address.
        if not value.strip() or (field == "slug" and value == "unsanctioned"):
            raise InvalidInput(f"{field} is empty, or taken.", field=field, fix=f"Give the agent a {field}.")
        check_storable(value, field=field)
    check_capabilities(capabilities)
    declared = check_programs(list(programs))
    with transaction.atomic():
        found = Agent.objects.select_for_update().filter(slug=slug).first()
        before = digest_of(describe(found)) if found else None
        agent = found or Agent(slug=slug, created_at=now)
        agent.name, agent.purpose, agent.owner = name, purpose, owner
        agent.clearance, agent.state = clearance, state
        agent.endpoint, agent.capabilities, agent.programs = endpoint, sorted(set(capabilities)), declared
        agent.full_clean(exclude=["owner"])
        agent.save()
        agent.domains.set(domains)
        agent.audiences.set(audiences)
        agent.contracts.set(contracts)
        after = describe(agent)
        if before != digest_of(after):
            ledger.append(
                actor=principal,
                action="agents.agent.changed" if found else "agents.agent.registered",
                subject=ledger.Subject(type="agent", id=agent.slug, label=agent.name),
                data=after,
                before=before,
                after=digest_of(after),
                now=now,
            )
    return agent


def set_state(*, actor: User, agent: Agent, state: str, reason: str, now: datetime) -> Agent:
    """Sanction or suspend: every key of a suspended agent is refused at its next request."""
    principal = asking(actor)
    if state not in AgentState.values:
        raise InvalidInput(f"There is no state {state[:40]!r}.", field="state", limit=", ".join(AgentState.values))
    with _attempting(state, principal, agent.slug, agent.name, now), transaction.atomic():
        owns = principal.kind == "person" and actor.is_active and actor.pk == agent.owner_id
        if not (owns or principal.has_role(Role.ADMINISTRATOR)):
            raise NotPermitted("Only an administrator or the agent's owner may do this.", fix="Ask an administrator.")
        locked = Agent.objects.select_for_update().get(pk=agent.pk)
        if locked.state == state:
            return locked
        if state == AgentState.SANCTIONED:
            _require_administrator(principal)
        before, locked.state = locked.state, state
        locked.save()
        ledger.append(
            actor=principal,
            action=f"agents.agent.{state}",
            subject=ledger.Subject(type="agent", id=locked.slug, label=locked.name),
            data={"from": before, "to": state, "reason": reason[:500]},
            now=now,
        )
    return locked


def describe(agent: Agent) -> dict[str, Any]:
    """What an agent may reach, as the ledger and digests tell it. Three queries."""
    return {
        "slug": agent.slug,
        "name": agent.name,
        "purpose": agent.purpose,
        "owner": agent.owner.username,
        "clearance": Sensitivity(agent.clearance).word,
        "domains": sorted(agent.domains.values_list("slug", flat=True)),
        "audiences": sorted(agent.audiences.values_list("name", flat=True)),
        "contracts": sorted(agent.contracts.values_list("slug", flat=True)),
        "endpoint": agent.endpoint.slug if agent.endpoint is not None else None,
        "capabilities": sorted(agent.capabilities),
        "programs": sorted(agent.programs),
        "state": agent.state,
    }


def _attempting(step: str, actor: Principal, slug: str, name: str, now: datetime) -> AbstractContextManager[None]:
    return denials_recorded(
        actor=actor,
        action=f"agents.agent.{step}",
        subject=lambda: ledger.Subject(type="agent", id=slug[:200] or "new", label=name[:200]),
        now=now,
    )


def _require_administrator(principal: Principal) -> None:
    if principal.kind != "person":
        raise NotPermitted("Only people register agents.", fix="Ask an administrator.")
    if not principal.has_role(Role.ADMINISTRATOR):
        raise NotPermitted("Only an administrator may do this.", fix="Ask an administrator.")


def _check(*, actor: Principal, owner: User, clearance: int, audiences: Sequence[Group], state: str) -> None:
    if clearance not in Sensitivity.values:
        raise InvalidInput("There is no such clearance.", field="clearance", limit=Sensitivity.RESTRICTED.value)
    if state not in AgentState.values:
        raise InvalidInput(f"There is no state {state[:40]!r}.", field="state", limit=", ".join(AgentState.values))
    if clearance > actor.clearance:
        raise NotPermitted(
            "You may not give an agent a clearance above your own.",
            field="clearance",
            limit=Sensitivity(actor.clearance).word if actor.clearance >= 0 else "none",
            fix="Ask an administrator with that clearance.",
        )
    if clearance > owner.clearance:
        raise AgentOutreachesOwner(
            f"The owner's clearance is {Sensitivity(owner.clearance).word}.",
            field="clearance",
            limit=Sensitivity(owner.clearance).word,
            fix="Choose an owner with that clearance, or lower the agent's.",
        )
    theirs = set(owner.groups.values_list("pk", flat=True))
    beyond = sorted(group.name for group in audiences if group.pk not in theirs)
    if beyond:
        raise AgentOutreachesOwner(
            f"The owner is not in: {', '.join(beyond)}.",
            field="audiences",
            fix="Choose an owner who is in these audiences, or leave them out.",
        )
