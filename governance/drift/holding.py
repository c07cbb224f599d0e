"""Keeps items with a grave finding back from contracts that demand verified context; must not judge what is grave."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from context.models import Hold
from governance.models import Finding


def cause_of(finding_id: int) -> str:
    return f"finding:{finding_id}"


def place_holds(*, concerned: Mapping[int, Iterable[int]], code: str, now: datetime) -> set[int]:
    """Hold back the items of each finding (finding id → item ids). Returns the findings for which this is new."""
    wanted = {(item_id, cause_of(finding)): finding for finding, items in concerned.items() for item_id in items}
    if not wanted:
        return set()
    present = set(Hold.objects.filter(cause__in={cause for _, cause in wanted}).values_list("item_id", "cause"))
    missing = [place for place in sorted(wanted) if place not in present]
    Hold.objects.bulk_create(
        [Hold(item_id=item_id, code=code, cause=cause, placed_at=now) for item_id, cause in missing],
        ignore_conflicts=True,
    )
    return {wanted[place] for place in missing}


def lift_holds(*, finding_ids: Collection[int]) -> set[int]:
    """Let go what these findings held back. Returns the findings that held something."""
    causes = {cause_of(finding_id): finding_id for finding_id in finding_ids}
    rows = Hold.objects.filter(cause__in=causes)
    held = {causes[cause] for cause in rows.values_list("cause", flat=True)}
    if held:
        rows.delete()
    return held


def is_held(finding: Finding) -> bool:
    return Hold.objects.filter(cause=cause_of(finding.pk)).exists()
