"""How ready each domain's context is for agents: what there is, current, confirmed, owned, at odds; must not change it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from context.access import Principal
from context.models import ContextItem, Domain, Relation, RelationType
from context.states import ItemState, with_state


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainReadiness:
    """Figures over the items of one domain (not of its sub-domains) that the principal may see and nobody retired."""

    domain: Domain
    items: int
    verified: int
    overdue: int
    scheduled: int
    expired: int
    unowned: int
    in_conflict: int

    @property
    def verified_share(self) -> int:
        """Whole per cent of the items that are in force and confirmed in time; 0 where there are none."""
        return 100 * self.verified // self.items if self.items else 0

    @property
    def word(self) -> str:
        """ready, partly ready or not ready: nothing overdue, expired, unowned or at odds; or at least two thirds verified."""
        if not self.items:
            return "empty"
        if self.verified == self.items and not self.unowned and not self.in_conflict:
            return "ready"
        return "partly ready" if self.verified_share >= 66 and not self.in_conflict else "not ready"


def read_inventory(*, principal: Principal, now: datetime) -> list[DomainReadiness]:
    """One entry a domain, by name, empty ones included. Three queries."""
    visible = ContextItem.objects.visible_to(principal).not_retired()
    rows = (
        with_state(visible, at=now)
        .order_by()
        .values_list("domain_id", "state")
        .annotate(n=Count("pk"), unowned=Count("pk", filter=Q(owner__isnull=True)))
    )
    states: Counter[tuple[int, str]] = Counter()
    unowned: Counter[int] = Counter()
    for domain_id, state, count, without in rows:
        states[domain_id, state] += count
        unowned[domain_id] += without
    at_odds = conflicts(principal=principal)
    return [
        DomainReadiness(
            domain=domain,
            items=sum(states[domain.pk, state.value] for state in ItemState),
            verified=states[domain.pk, ItemState.IN_FORCE.value],
            overdue=states[domain.pk, ItemState.OVERDUE.value],
            scheduled=states[domain.pk, ItemState.SCHEDULED.value],
            expired=states[domain.pk, ItemState.EXPIRED.value],
            unowned=unowned[domain.pk],
            in_conflict=at_odds[domain.pk],
        )
        for domain in Domain.objects.select_related("owner", "parent").order_by("name")
    ]


def conflicts(*, principal: Principal) -> Counter[int]:
    """How many items of each domain are stated to conflict with another that the principal may see. One query."""
    visible = ContextItem.objects.visible_to(principal).not_retired()
    pairs = Relation.objects.filter(
        type=RelationType.CONFLICTS_WITH, source__in=visible, target__in=visible
    ).values_list("source_id", "source__domain_id", "target_id", "target__domain_id")
    members = {pair[:2] for pair in pairs} | {pair[2:] for pair in pairs}
    return Counter(domain_id for _, domain_id in members)
