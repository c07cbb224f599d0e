"""Who uses a text: contracts that ask for it, deliveries of it, and who holds which revision; must not change any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from agents.models import Agent, ContextContract, Receipt
from context.access import Principal
from context.models import ContextItem
from context.models.domains import ancestors
from governance.impact import Touched
from governance.models import ITEM, Change


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractUse:
    """A contract that asks for an item, by which requirements, for which of the agents one may know of."""

    contract: ContextContract
    requirements: tuple[str, ...]
    required: bool
    agents: tuple[Agent, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Skew:
    """What an agent was last given under each of its contracts: how many texts, and how many have moved on since."""

    texts: int
    behind: int
    served_at: datetime


def visible_agents(principal: Principal) -> QuerySet[Agent]:
    """Those one owns; all for who administers or audits."""
    if principal.kind == "system" or principal.has_role("administrator") or principal.has_role("auditor"):
        return Agent.objects.all()
    return Agent.objects.filter(owner_id=principal.id) if principal.kind == "person" else Agent.objects.none()


def contracts_for(*, principal: Principal, item: ContextItem) -> list[ContractUse]:
    """The contracts one may know of whose current version asks for this item. Three queries."""
    known = set(visible_agents(principal).values_list("pk", flat=True))
    domains = frozenset(domain.slug for domain in ancestors(item.domain))
    found = []
    for contract in _current_contracts(principal):
        stated = contract.current_version.requirements if contract.current_version else []
        asking = [each for each in stated if _asks(each, item.key, item.kind.slug, domains, item.tags)]
        if asking:
            found.append(
                ContractUse(
                    contract=contract,
                    requirements=tuple(_named(each) for each in asking),
                    required=any(each.get("required", True) for each in asking),
                    agents=tuple(agent for agent in contract.agents.all() if agent.pk in known),
                )
            )
    return found


def impact_of_change(change: Change, keys: Sequence[str], principal: Principal) -> list[Touched]:
    """The contracts one may know of that would receive an item of the change, with their agents; and the agents that
    are served by a contract which the change edits. Five queries.
    """
    edits = list(change.edits.filter(record=ITEM).select_related("kind", "domain__parent"))
    known = set(visible_agents(principal).values_list("pk", flat=True))
    domains = {edit.item_domain.pk: frozenset(domain.slug for domain in ancestors(edit.item_domain)) for edit in edits}
    edited = list(change.edits.filter(record="contract").values_list("key", flat=True))
    found = [
        Touched(
            kind="agent",
            label=agent.name,
            why=f"is served by the contract {slug}",
            url=f"/agents/{agent.slug}/",
        )
        for slug in edited
        for agent in Agent.objects.filter(pk__in=known, contracts__slug=slug).order_by("name")
    ]
    for contract in _current_contracts(principal):
        stated = contract.current_version.requirements if contract.current_version else []
        asked = [
            edit.key
            for edit in edits
            if any(
                _asks(each, edit.key, edit.item_kind.slug, domains[edit.item_domain.pk], edit.payload.get("tags") or [])
                for each in stated
            )
        ]
        if asked:
            agents = [agent.name for agent in contract.agents.all() if agent.pk in known]
            what = asked[0] if len(asked) == 1 else f"{len(asked)} of these items"
            found.append(
                Touched(
                    kind="contract",
                    label=contract.name,
                    why=f"gives {what} to {', '.join(agents)}" if agents else f"asks for {what}",
                    url=f"/contracts/{contract.slug}/",
                )
            )
    return found


def receipts_of(*, principal: Principal, item: ContextItem, limit: int = 5) -> list[Receipt]:
    """The last deliveries of the item's current version to agents one may know of."""
    if item.current_version_id is None:
        return []
    return list(
        Receipt.objects.filter(agent__in=visible_agents(principal))
        .filter(bundle__version_ids__contains=[item.current_version_id])
        .select_related("agent", "bundle__contract_version__contract")
        .order_by("-served_at")[:limit]
    )


def skew_of(*, principal: Principal, agents: Sequence[Agent]) -> dict[int, Skew]:
    """Which revision each agent was last given, by its id: what of that is no longer in force. Two queries."""
    known = visible_agents(principal).filter(pk__in=[agent.pk for agent in agents])
    latest = (
        Receipt.objects.filter(agent__in=known)
        .order_by("agent_id", "bundle__contract_version__contract_id", "-served_at")
        .distinct("agent_id", "bundle__contract_version__contract_id")
        .values_list("agent_id", "bundle__version_ids", "served_at")
    )
    held: dict[int, tuple[set[int], datetime]] = {}
    for agent_id, version_ids, served_at in latest:
        before = held.get(agent_id, (set(), served_at))
        held[agent_id] = (before[0] | set(version_ids), max(before[1], served_at))
    everything = {version_id for version_ids, _ in held.values() for version_id in version_ids}
    current = set(
        ContextItem.objects.filter(current_version_id__in=everything, retired_at__isnull=True).values_list(
            "current_version_id", flat=True
        )
    )
    return {
        agent_id: Skew(texts=len(version_ids), behind=len(version_ids - current), served_at=served_at)
        for agent_id, (version_ids, served_at) in held.items()
    }


def _current_contracts(principal: Principal) -> QuerySet[ContextContract]:
    found = ContextContract.objects.visible_to(principal)
    found = found.filter(current_version__isnull=False, retired_at__isnull=True)
    return found.select_related("current_version", "owner").prefetch_related("agents").order_by("name")


def _asks(stated: Mapping[str, Any], key: str, kind: str, domains: frozenset[str], tags: Sequence[str]) -> bool:
    """Whether a requirement is for an item of that key, kind, domain (or one above) and tags."""
    if "key" in stated:
        return bool(stated["key"] == key)
    return (
        stated.get("kind") in (None, kind)
        and stated.get("domain") in (None, *domains)
        and (stated.get("tag") is None or stated["tag"] in tags)
    )


def _named(stated: Mapping[str, Any]) -> str:
    if "key" in stated:
        return "by its key"
    return " and ".join(f"{part} {stated[part]}" for part in ("kind", "domain", "tag") if part in stated)
