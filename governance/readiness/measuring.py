"""What governance knows of readiness: contradictions, policies, time to approve, missing kinds; must not change any."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from statistics import median

from context.access import Principal
from context.models import ContextItem, Domain
from context.readiness import FiguresByDomain
from governance.models import ApprovalPolicy, Change, ChangeState, Edit, Finding

CONTRADICTION, INVENTORY = "contradiction", "inventory"
LATELY = timedelta(days=90)


def figures(*, principal: Principal, now: datetime) -> FiguresByDomain:
    """Five queries."""
    open_ = Finding.objects.visible_to(principal).awaiting(now)
    found = open_.filter(detector__in=[CONTRADICTION, INVENTORY]).values_list("detector", "domain_id")
    counted: Counter[tuple[str, int | None]] = Counter(found)
    policies: Counter[int | None] = Counter(
        ApprovalPolicy.objects.exclude(domain=None).values_list("domain_id", flat=True)
    )
    days = _days_to_approve(principal, now)
    made: dict[int | None, dict[str, float | None]] = {
        place: {
            "contradictions": counted[CONTRADICTION, place],
            "slots": counted[INVENTORY, place],
            "own_policies": policies[place],
            "approval_days": round(median(days[place]), 1) if place in days else None,
        }
        for place in Domain.objects.values_list("pk", flat=True)
    }
    every = days[None]
    made[None] = {
        "contradictions": sum(count for (name, _), count in counted.items() if name == CONTRADICTION),
        "slots": sum(count for (name, _), count in counted.items() if name == INVENTORY),
        "own_policies": sum(policies.values()),
        "approval_days": round(median(every), 1) if every else None,
    }
    return made


def items_at_odds(*, principal: Principal) -> set[tuple[int, int]]:
    """Items with their domains that an open contradiction is about, of those the principal may know. One query."""
    open_ = Finding.objects.visible_to(principal).unsettled().filter(detector=CONTRADICTION)
    visible = ContextItem.objects.visible_to(principal).not_retired().filter(concerned_by__in=open_)
    return set(visible.order_by().values_list("pk", "domain_id"))


def _days_to_approve(principal: Principal, now: datetime) -> dict[int | None, list[float]]:
    """From submission to publication of the changes of the last three months, by each domain they touched."""
    changes = Change.objects.visible_to(principal).filter(
        state=ChangeState.PUBLISHED, published_at__gt=now - LATELY, submitted_at__isnull=False
    )
    taken = {
        pk: (published - submitted) / timedelta(days=1)
        for pk, published, submitted in changes.values_list("pk", "published_at", "submitted_at")
        if published is not None and submitted is not None
    }
    found: dict[int | None, list[float]] = defaultdict(list)
    found[None] = list(taken.values())
    touched = Edit.objects.filter(change__in=taken).values_list("change_id", "domain_id").distinct()
    for change_id, domain_id in touched:
        if domain_id is not None:
            found[domain_id].append(taken[change_id])
    return found
