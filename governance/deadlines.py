"""By when a change waits for whom: the stages that are due, computed from policies and reviews; must not write.

A stage is due so many days after it could be decided: the first after the submission, a later one after the approval
that completed the stage before it. That it is overdue decides nothing: nobody is passed over, people are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Prefetch, QuerySet

from context.access import Principal
from context.ownership import Answering
from governance.models import Change, ChangeState, Edit
from governance.policies import Demand, DemandProgress, StageDemand, demands_of, progress_of, read_lookups


@dataclass(frozen=True, kw_only=True, slots=True)
class StageDeadline:
    """A stage that waits, since when and until when."""

    stage: StageDemand
    demand: Demand
    since: datetime
    due_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A change in review and how far its approvals go. `change` has its edits, reviews and editors loaded."""

    change: Change
    progress: tuple[DemandProgress, ...]

    @property
    def deadlines(self) -> tuple[StageDeadline, ...]:
        return deadlines_of(self.change, self.progress)

    @property
    def editor_ids(self) -> set[int]:
        return {person.pk for person in self.change.editors.all()} | {self.change.author_id}

    @property
    def sensitivity(self) -> int:
        """That of the most sensitive text it touches, as it is or would be."""
        return max(
            max(edit.sensitivity, edit.item.sensitivity if edit.item is not None else 0)
            for edit in self.change.edits.all()
        )


def deadlines_of(change: Change, progress: Sequence[DemandProgress]) -> tuple[StageDeadline, ...]:
    """One for each stage that waits, the first due first. Nothing for a change that is not in review."""
    if change.state != ChangeState.IN_REVIEW or change.submitted_at is None:
        return ()
    found = []
    for each in progress:
        if each.current is not None:
            since = each.current.reached_at or change.submitted_at
            due_at = since + timedelta(days=each.current.stage.due_in_days)
            found.append(StageDeadline(stage=each.current.stage, demand=each.demand, since=since, due_at=due_at))
    return tuple(sorted(found, key=lambda each: (each.due_at, each.stage.token)))


def changes_in_review(principal: Principal) -> list[Judged]:
    """Every change in review that the principal may see, judged; the longest waiting first. A dozen queries in all."""
    return judged(Change.objects.visible_to(principal).filter(state=ChangeState.IN_REVIEW))


def judged(found: QuerySet[Change]) -> list[Judged]:
    """These changes, judged by the policies that stand now; the longest waiting first. A dozen queries in all."""
    edits = (
        Edit.objects.select_related("kind", "domain__parent__parent", "item__kind", "item__domain__parent__parent")
        .defer("payload")
        .order_by("pk")
    )
    changes = list(
        found.select_related("author")
        .prefetch_related(Prefetch("edits", queryset=edits), "reviews", "editors")
        .order_by("submitted_at", "pk")
    )
    if not changes:
        return []
    lookups = read_lookups([edit for change in changes for edit in change.edits.all()])
    return [
        Judged(
            change=change,
            progress=tuple(
                progress_of(demands_of(list(change.edits.all()), lookups), change.reviews.all(), change.digest)
            ),
        )
        for change in changes
    ]


def escalates_to(judged: Judged, deadline: StageDeadline, answering: Answering) -> int | None:
    """Who is told when the stage is overdue: the owner of its domain or, where they edited the change, of one above."""
    return answering.above(deadline.stage.domain_id, *judged.editor_ids)
