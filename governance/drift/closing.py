"""Resolves findings whose cause is gone, and says which version did it; must not settle what people have to judge."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from context.access import SYSTEM, Principal
from context.models import ContextItem
from governance.audit import ledger
from governance.drift.holding import lift_holds
from governance.drift.recording import WRITTEN_AT_ONCE, lock_detector, subject_of
from governance.models import Finding, FindingState

UNTRACED = "It was looked at again and is no longer so."


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """What a detector was shown: findings about it that were not seen again have lost their cause.

    Items by their ids, or the range they lie in (with `within` those of these domains); or domains; or everything.
    `either` takes the findings that concern an item in any way, and not only those about it.
    """

    item_ids: Sequence[int] | None = None
    after_id: int = 0
    until_id: int = 0
    within: Sequence[int] | None = None
    domain_ids: Sequence[int] | None = None
    either: bool = False

    def findings(self, detector: str) -> QuerySet[Finding]:
        found = Finding.objects.filter(detector=detector).unsettled()
        if self.domain_ids is not None:
            return found.filter(domain_id__in=self.domain_ids)
        item = "contextitem" if self.either else "item"
        condition = Q()
        if self.item_ids is not None:
            condition = Q(**{f"{item}_id__in": self.item_ids})
        elif self.until_id:
            condition = Q(**{f"{item}_id__gt": self.after_id, f"{item}_id__lte": self.until_id})
            if self.within is not None:
                condition &= Q(**{f"{item}__domain_id__in": self.within})
        if not condition:
            return found
        if self.either:
            concerned = Finding.concerned.through._default_manager.filter(condition)
            return found.filter(pk__in=concerned.values("finding_id"))
        return found.filter(condition)


def resolve_gone(
    *, detector: str, reach: Reach, seen: Collection[str], now: datetime, actor: Principal = SYSTEM
) -> list[Finding]:
    """Resolve the unsettled findings within reach whose fingerprint was not seen. One event each; returns them."""
    with transaction.atomic():
        lock_detector(detector)
        rows = reach.findings(detector).select_for_update(of=("self",)).order_by("pk")
        gone = [finding for finding in rows if finding.fingerprint not in seen]
        if not gone:
            return []
        concerned = _concerned(gone)
        items = ContextItem.objects.select_related("current_version", "verified_by").in_bulk(
            {item_id for ids in concerned.values() for item_id in ids}
        )
        versions = {}
        for finding in gone:
            its = [items[item_id] for item_id in concerned.get(finding.pk, ()) if item_id in items]
            finding.reason, versions[finding.pk] = _why(finding, its)
            finding.resolved_by_version = versions[finding.pk]
            finding.state, finding.closed_at, finding.excepted_until = FindingState.RESOLVED, now, None
            finding.row_version += 1
        Finding.objects.bulk_update(
            gone,
            ["reason", "resolved_by_version", "state", "closed_at", "excepted_until", "row_version"],
            batch_size=WRITTEN_AT_ONCE,
        )
        lift_holds(finding_ids=[finding.pk for finding in gone])
        ledger.append_all(
            actor=actor,
            entries=[
                ledger.Entry(
                    action="governance.finding.resolved",
                    subject=subject_of(finding),
                    data={"reason": finding.reason, "version": versions[finding.pk]},
                    before=finding.evidence_digest,
                    after=finding.evidence_digest,
                )
                for finding in gone
            ],
            now=now,
        )
    return gone


def _concerned(findings: Iterable[Finding]) -> Mapping[int, list[int]]:
    """The items of each finding, the one it is about first."""
    found: dict[int, list[int]] = {
        finding.pk: [finding.item_id] if finding.item_id is not None else [] for finding in findings
    }
    rows = Finding.concerned.through._default_manager.filter(finding_id__in=found).order_by("contextitem_id")
    for finding_id, item_id in rows.values_list("finding_id", "contextitem_id"):
        if item_id not in found[finding_id]:
            found[finding_id].append(item_id)
    return found


def _why(finding: Finding, items: Sequence[ContextItem]) -> tuple[str, int | None]:
    """What happened to its items since it was last seen, as a sentence, and which version of its own item did it."""
    for item in items:
        if item.retired_at is not None and item.retired_at > finding.seen_at:
            return f"“{item.title}” was retired.", None
        version = item.current_version
        if version is not None and version.published_at > finding.seen_at:
            own = item.pk == finding.item_id
            return f"Version {version.number} of “{item.title}” ended it.", version.number if own else None
    for item in items:
        if item.verified_at is not None and item.verified_at > finding.seen_at and item.verified_by is not None:
            who = item.verified_by.display_name
            return f"{who} confirmed “{item.title}” on {item.verified_at:%d %B %Y}.", None
    return UNTRACED, None
