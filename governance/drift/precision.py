"""How often each detector is right, as people judged its findings; must not judge any itself.

A finding counts by the last thing a person said of its evidence: taken in hand, mended, excepted or left as harmless,
it was right; dismissed as wrong, it was not. What went away before anybody looked is counted apart and says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from django.db.models import Count, Q

from context.access import Principal
from governance.models import Finding, FindingState, Judgement

CONFIDENCE_Z = 1.96  # 95 %


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorRecord:
    """Counts of one detector's findings, and its precision with the 95 % interval (Wilson), where any was judged."""

    opened: int = 0
    unsettled: int = 0
    resolved: int = 0
    dismissed: int = 0
    right: int = 0
    wrong: int = 0

    @property
    def judged(self) -> int:
        return self.right + self.wrong

    @property
    def precision(self) -> float | None:
        return self.right / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.right, self.judged) if self.judged else None

    @property
    def precision_percent(self) -> int:
        return round(100 * (self.precision or 0))

    @property
    def low_percent(self) -> int:
        return round(100 * (self.interval or (0, 0))[0])

    @property
    def high_percent(self) -> int:
        return round(100 * (self.interval or (0, 0))[1])


def wilson(right: int, judged: int) -> tuple[float, float]:
    """The 95 % interval of a share, which stays within 0 and 1 however few were judged."""
    share, z = right / judged, CONFIDENCE_Z
    middle = (share + z * z / (2 * judged)) / (1 + z * z / judged)
    half = z * sqrt(share * (1 - share) / judged + z * z / (4 * judged * judged)) / (1 + z * z / judged)
    return max(0.0, middle - half), min(1.0, middle + half)


def records(*, principal: Principal) -> Mapping[str, DetectorRecord]:
    """Of every detector that ever found something, over the findings that the reader may see. Two queries."""
    visible = Finding.objects.visible_to(principal)
    counts = (
        visible.order_by()
        .values("detector")
        .annotate(
            opened=Count("pk"),
            unsettled=Count("pk", filter=Q(state__in=FindingState.open_states())),
            resolved=Count("pk", filter=Q(state=FindingState.RESOLVED)),
            dismissed=Count("pk", filter=Q(state=FindingState.DISMISSED)),
        )
    )
    last = (
        Judgement.objects.filter(finding__in=visible.order_by().values("pk"))
        .order_by("finding_id", "evidence_digest", "-id")
        .distinct("finding_id", "evidence_digest")
        .values_list("finding__detector", "right")
    )
    judged: dict[str, list[int]] = {}
    for detector, right in last:
        judged.setdefault(detector, [0, 0])[0 if right else 1] += 1
    return {
        row["detector"]: DetectorRecord(
            opened=row["opened"],
            unsettled=row["unsettled"],
            resolved=row["resolved"],
            dismissed=row["dismissed"],
            right=judged.get(row["detector"], [0, 0])[0],
            wrong=judged.get(row["detector"], [0, 0])[1],
        )
        for row in counts
    }
