"""How ready each domain's context is for agents: what is there, current, owned, at odds; must not change it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Aggregate, Count, DateTimeField, Q, QuerySet
from django.utils.module_loading import import_string

from context.access import Principal
from context.models import ContextItem, ContextVersion, Domain, Relation, RelationType
from context.states import ItemState, with_state


class MedianMoment(Aggregate):
    """The middle one of a group's moments, as PostgreSQL's ordered-set aggregate takes it."""

    name = "MedianMoment"
    output_field = DateTimeField()
    template = "percentile_disc(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


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
    by_kind: dict[str, int]
    median_age_days: float | None

    @property
    def verified_share(self) -> int:
        """Whole per cent of the items that are in force and confirmed in time; 0 where there are none."""
        return 100 * self.verified // self.items if self.items else 0

    @property
    def word(self) -> str:
        """ready (all verified, owned, none at odds), partly ready (two thirds verified, none at odds) or not ready."""
        if not self.items:
            return "empty"
        if self.verified == self.items and not self.unowned and not self.in_conflict:
            return "ready"
        return "partly ready" if self.verified_share >= 66 and not self.in_conflict else "not ready"


def read_inventory(*, principal: Principal, now: datetime) -> list[DomainReadiness]:
    """One entry a domain, by name, empty ones included. Five queries."""
    visible = ContextItem.objects.visible_to(principal).not_retired()
    stated: Any = with_state(visible, at=now)  # annotated, which the type of the model does not know
    rows = (
        stated.order_by()
        .values_list("domain_id", "state")
        .annotate(n=Count("pk"), unowned=Count("pk", filter=Q(owner__isnull=True)))
    )
    states: Counter[tuple[int, str]] = Counter()
    unowned: Counter[int] = Counter()
    for domain_id, state, count, without in rows:
        states[domain_id, state] += count
        unowned[domain_id] += without
    at_odds = conflicts(principal=principal)
    kinds = _by_kind(visible)
    ages = _median_ages(visible, now)
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
            by_kind=kinds.get(domain.pk, {}),
            median_age_days=ages.get(domain.pk),
        )
        for domain in Domain.objects.select_related("owner", "parent").order_by("name")
    ]


def _by_kind(items: QuerySet[ContextItem]) -> dict[int, dict[str, int]]:
    """Items of each domain by the slug of their kind. One query."""
    rows = items.order_by().values_list("domain_id", "kind__slug").annotate(n=Count("pk")).order_by("kind__slug")
    found: dict[int, dict[str, int]] = {}
    for domain_id, kind, count in rows:
        found.setdefault(domain_id, {})[kind] = count
    return found


def _median_ages(items: QuerySet[ContextItem], now: datetime) -> dict[int, float]:
    """Days since the text in force was published, the median of each domain, to a tenth. One query."""
    in_force = ContextVersion.objects.in_force(now).filter(item__in=items)
    rows = in_force.order_by().values_list("item__domain_id").annotate(published=MedianMoment("published_at"))
    return {domain_id: round((now - published) / timedelta(days=1), 1) for domain_id, published in rows}


def conflicts(*, principal: Principal) -> Counter[int]:
    """How many items of each domain are stated, or were found, to conflict with another that the principal may see.

    One query, and those of the sources.
    """
    visible = ContextItem.objects.visible_to(principal).not_retired()
    pairs = Relation.objects.filter(
        type=RelationType.CONFLICTS_WITH, source__in=visible, target__in=visible
    ).values_list("source_id", "source__domain_id", "target_id", "target__domain_id")
    members = {pair[:2] for pair in pairs} | {pair[2:] for pair in pairs}
    for dotted in settings.CONFLICT_SOURCES.values():
        members |= set(import_string(dotted)(principal=principal))
    return Counter(domain_id for _, domain_id in members)
