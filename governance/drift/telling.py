"""Tells owners of findings that were opened, each owner once however many there are; must not decide who owns one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from governance.audit import ledger
from governance.models import Finding, NotificationKind
from governance.notifying import notify

NAMED_AT_MOST = 3
MINE = "/findings/?owner=me"


def tell_opened(*, findings: Iterable[Finding], now: datetime, but_not: int | None = None) -> None:
    """One notice for each owner. Four statements for each, inside the transaction of the findings."""
    theirs: dict[int, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.owner_id is not None:
            theirs[finding.owner_id].append(finding)
    for owner_id, together in sorted(theirs.items()):
        gravest = sorted(together, key=lambda finding: (-finding.severity, finding.pk))
        first = gravest[0]
        alone = len(together) == 1
        level = first.sensitivity if alone else max(finding.sensitivity for finding in gravest[:NAMED_AT_MOST])
        notify(
            people=[owner_id],
            kind=NotificationKind.FINDING_OPENED,
            subject=ledger.Subject(
                type="finding" if alone else "findings",
                id=str(first.pk) if alone else str(owner_id),
                label=first.summary,
                sensitivity=level,
            ),
            text=first.summary if alone else _together(gravest),
            url=f"/findings/{first.pk}/" if alone else MINE,
            now=now,
            but_not=but_not,
        )


def _together(findings: list[Finding]) -> str:
    named = " ".join(finding.summary.rstrip(".") + "." for finding in findings[:NAMED_AT_MOST])
    more = f" And {len(findings) - NAMED_AT_MOST} more." if len(findings) > NAMED_AT_MOST else ""
    return f"{len(findings)} findings need you. {named[:450]}{more}"
