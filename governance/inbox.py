"""What waits for one person: changes they may decide on, publish or mend, and texts they answer for; must not write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Prefetch, Q

from context.access import Principal
from context.models import ContextItem
from governance.delegations import standing_in_for
from governance.models import Change, ChangeState, Edit
from governance.policies import StageProgress, demands_of, progress_of, read_lookups
from governance.reviews import may_review

# Changes are judged one by one, since approvers are resolved when asked; beyond this the oldest come first.
MOST_JUDGED = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A change that this person may decide on now, the stage it is at and when that is due."""

    change: Change
    stage: str
    due_at: datetime | None


def waiting_for(principal: Principal) -> list[Waiting]:
    """The changes in review that this person may approve now, the longest waiting first. A dozen queries in all."""
    if principal.kind != "person":
        return []
    edits = Edit.objects.select_related("kind", "domain__parent", "item__kind", "item__domain__parent")
    in_review = list(
        Change.objects.visible_to(principal)
        .filter(state=ChangeState.IN_REVIEW)
        .exclude(Q(author_id=principal.id) | Q(editors=principal.id))
        .select_related("author")
        .prefetch_related(Prefetch("edits", queryset=edits), "reviews", "editors")
        .order_by("submitted_at", "pk")[:MOST_JUDGED]
    )
    if not in_review:
        return []
    lookups = read_lookups([edit for change in in_review for edit in change.edits.all()])
    stand_ins = standing_in_for(principal.id)
    found = []
    for change in in_review:
        demands = demands_of(list(change.edits.all()), lookups)
        progress = progress_of(demands, change.reviews.all(), change.digest)
        if may_review(change, principal, progress, stand_ins).allowed:
            found.append(_waiting(change, [each.current for each in progress if each.current is not None]))
    return found


def overdue_items(principal: Principal, *, now: datetime) -> list[ContextItem]:
    """The texts this person owns or stewards that nobody confirmed in time, the longest overdue first."""
    return list(
        ContextItem.objects.visible_to(principal)
        .overdue(now)
        .filter(Q(owner_id=principal.id) | Q(stewards=principal.id))
        .select_related("kind", "domain", "current_version")
        .distinct()
        .order_by("verified_until", "key")
    )


def _waiting(change: Change, stages: list[StageProgress]) -> Waiting:
    """The stage that is due first."""
    first = min(stages, key=lambda stage: stage.stage.due_in_days)
    due = timedelta(days=first.stage.due_in_days)
    return Waiting(
        change=change,
        stage=first.stage.name,
        due_at=change.submitted_at + due if change.submitted_at else None,
    )
