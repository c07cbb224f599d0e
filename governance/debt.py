"""Verification debt: how harmful it may be that nobody confirmed a text in time; must not verify anything.

    debt = staleness × use × sensitivity

- staleness: review intervals since the text was last confirmed, once that is more than one; 0 while it is in time.
  A text that is due today has 1, one whose interval of 90 days ran out 90 days ago has 2.
- use: 1 + deliveries to agents a day, over the last 30 days. A text nobody was given has 1.
- sensitivity: 1 public, 2 internal, 3 confidential, 4 restricted.

The product has no unit of its own; it only orders a queue. An internal text that is due today and unused has 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils.module_loading import import_string

from context.access import Principal
from context.models import ContextItem
from context.models.items import ContextItemQuerySet
from context.ownership import Answering, read_answering

USE_WINDOW_DAYS = 30

# A source of use says how often each item was used between two moments; `item_ids` None asks for all.
UseSource = Callable[..., Mapping[int, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Debt:
    """The three factors of one item's debt, in the units that the module states, and their product."""

    staleness: float
    deliveries: int
    use: float
    sensitivity: int

    @property
    def points(self) -> float:
        return round(self.staleness * self.use * self.sensitivity, 3)

    @property
    def why(self) -> str:
        """The factors as a sentence."""
        return (
            f"{self.staleness:.1f} review intervals since it was confirmed, given to agents {self.deliveries:,} times "
            f"in {USE_WINDOW_DAYS} days, weight {self.sensitivity} for its sensitivity."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedItem:
    """An item that waits to be verified, since when it is due, and its debt."""

    item: ContextItem
    due_at: datetime
    debt: Debt


def debt_of(*, item: ContextItem, now: datetime, deliveries: int) -> Debt:
    """The debt of one item that was delivered so often in the window."""
    interval = timedelta(days=max(item.review_interval_days, 1))
    late = now - due_at_of(item)
    return Debt(
        staleness=1 + late / interval if late >= timedelta(0) else 0.0,
        deliveries=deliveries,
        use=1 + deliveries / USE_WINDOW_DAYS,
        sensitivity=item.sensitivity + 1,
    )


def due_at_of(item: ContextItem) -> datetime:
    """When the item is, or was, to be confirmed: one that never was, since it is there."""
    return item.verified_until or item.created_at


def due_by(items: ContextItemQuerySet, moment: datetime) -> ContextItemQuerySet:
    """Those of `items`, not retired, that are due by then as `due_at_of` says it. No query of its own."""
    never = Q(verified_until__isnull=True, created_at__lte=moment)
    return items.not_retired().filter(Q(verified_until__lte=moment) | never)


def use_of(*, item_ids: Collection[int] | None, now: datetime) -> Mapping[int, int]:
    """Deliveries in the window by item, over all of USE_SOURCES. One query for each source."""
    total: Counter[int] = Counter()
    for path in settings.USE_SOURCES.values():
        source: UseSource = import_string(path)
        total.update(source(since=now - timedelta(days=USE_WINDOW_DAYS), until=now, item_ids=item_ids))
    return total


def queued(items: Iterable[ContextItem], *, now: datetime) -> list[QueuedItem]:
    """The items with their debts, the greatest first, then the longest due. One query for each source of use."""
    held = list(items)
    used = use_of(item_ids=[item.pk for item in held], now=now) if held else {}
    found = [
        QueuedItem(
            item=item,
            due_at=due_at_of(item),
            debt=debt_of(item=item, now=now, deliveries=used.get(item.pk, 0)),
        )
        for item in held
    ]
    return sorted(found, key=lambda each: (-each.debt.points, each.due_at, each.item.key))


def items_answered_by(principal: Principal, answering: Answering | None = None) -> ContextItemQuerySet:
    """The visible items that this person answers for or stewards. No query but, without `answering`, one."""
    answering = answering or read_answering()
    stewarded = ContextItem.stewards.through._default_manager.filter(user_id=principal.id).values("contextitem_id")
    return ContextItem.objects.visible_to(principal).filter(answering.answered_by(principal.id) | Q(pk__in=stewarded))


def verification_queue(*, principal: Principal, now: datetime, ahead: timedelta = timedelta(0)) -> list[QueuedItem]:
    """What this person should verify, the most harmful first: all that is due by `now` + `ahead`. Three queries."""
    if principal.kind != "person":
        return []
    due = due_by(items_answered_by(principal), now + ahead)
    return queued(due.select_related("kind", "domain", "owner"), now=now)
