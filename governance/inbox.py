"""What waits for one person: changes they may decide on, publish or mend, and texts they answer for; must not write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from context.access import Principal
from context.models import ContextItem
from governance.models import Change, ChangeState
from governance.policies import StageProgress, demands_of, progress_of
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
    """The changes in review that this person may approve now, the longest waiting first. A few queries each."""
    if principal.kind != "person":
        return []
    in_review = (
        Change.objects.visible_to(principal)
        .filter(state=ChangeState.IN_REVIEW)
        .exclude(Q(author_id=principal.id) | Q(editors=principal.id))
        .select_related("author")
        .order_by("submitted_at", "pk")[:MOST_JUDGED]
    )
    found = []
    for change in in_review:
        edits = list(change.edits.select_related("kind", "domain__parent", "item__kind", "item__domain__parent"))
        progress = progress_of(demands_of(edits), change.reviews.all(), change.digest)
        if may_review(change, principal, progress).allowed:
            stage = _own_stage(principal, [each.current for each in progress])
            due = timedelta(days=stage.stage.due_in_days) if stage else None
            found.append(
                Waiting(
                    change=change,
                    stage=stage.stage.name if stage else "",
                    due_at=change.submitted_at + due if change.submitted_at and due else None,
                )
            )
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


def _own_stage(principal: Principal, stages: list[StageProgress | None]) -> StageProgress | None:
    return next((stage for stage in stages if stage is not None and stage.stage.admits(principal)), None)
