"""The steps people take with findings, over one or many: all of them, or none and the reason; must not detect."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from context.access import Principal
from context.digests import check_storable
from context.errors import Conflict, InvalidInput
from context.models import User
from governance.drift.acting import act
from governance.drift.telling import tell_opened
from governance.models import Finding, FindingState

LONGEST_REASON = 2_000
LONGEST_EXCEPTION_DAYS = 366


def acknowledge_findings(
    *, actor: Principal, finding_ids: Collection[int], now: datetime, expected_row_version: int | None = None
) -> list[Finding]:
    """Say that somebody has them in hand."""

    def step(finding: Finding) -> dict[str, Any]:
        if finding.state != FindingState.OPEN:
            raise Conflict(f"Finding {finding.pk} is {finding.get_state_display().lower()}.", field="state")
        finding.state, finding.acknowledged_at = FindingState.ACKNOWLEDGED, now
        finding.acknowledged_by_id = _person(actor)
        return {}

    return act(
        actor=actor,
        finding_ids=finding_ids,
        verb="acknowledged",
        step=step,
        now=now,
        right=True,
        expected_row_version=expected_row_version,
    )


def resolve_findings(
    *,
    actor: Principal,
    finding_ids: Collection[int],
    reason: str,
    now: datetime,
    version: int | None = None,
    expected_row_version: int | None = None,
) -> list[Finding]:
    """Say that the causes are gone, and which version of the item did it, where one did."""

    def note(finding: Finding) -> dict[str, Any]:
        finding.resolved_by_version = version
        return {}

    settled = _Settled(FindingState.RESOLVED, verb="resolved", right=True, note=note)
    return _settle_all(settled, actor, finding_ids, reason, now, expected_row_version)


def dismiss_findings(
    *,
    actor: Principal,
    finding_ids: Collection[int],
    reason: str,
    now: datetime,
    harmless: bool = False,
    expected_row_version: int | None = None,
) -> list[Finding]:
    """Say that they are none, and why: the same evidence stays quiet from now on. `harmless`: it is as the detector
    says, but nothing to mend; else the detector was wrong, which counts against its precision.
    """
    settled = _Settled(
        FindingState.DISMISSED, verb="dismissed", right=harmless, note=lambda finding: {"harmless": harmless}
    )
    return _settle_all(settled, actor, finding_ids, reason, now, expected_row_version)


def except_findings(
    *,
    actor: Principal,
    finding_ids: Collection[int],
    reason: str,
    until: datetime,
    now: datetime,
    expected_row_version: int | None = None,
) -> list[Finding]:
    """Live with them until a date: they stay unsettled, but ask for nothing before then, and are due that day."""
    if not timedelta(0) < until - now <= timedelta(days=LONGEST_EXCEPTION_DAYS):
        raise InvalidInput(
            "An exception ends, within a year.", field="until", limit=LONGEST_EXCEPTION_DAYS, fix="Choose an end date."
        )
    why = _reason(reason)

    def step(finding: Finding) -> dict[str, Any]:
        _require_unsettled(finding)
        finding.excepted_until, finding.reason = until, why
        finding.due_at = max(finding.due_at or until, until)
        return {"reason": why, "until": until}

    return act(
        actor=actor,
        finding_ids=finding_ids,
        verb="excepted",
        step=step,
        now=now,
        right=True,
        lifts=True,
        expected_row_version=expected_row_version,
    )


def assign_findings(
    *,
    actor: Principal,
    finding_ids: Collection[int],
    owner: User,
    now: datetime,
    expected_row_version: int | None = None,
) -> list[Finding]:
    """Give them to somebody else, who is told."""
    if not owner.is_active:
        raise InvalidInput(f"{owner.display_name} is not here any more.", field="owner", fix="Name another person.")
    given: list[Finding] = []

    def step(finding: Finding) -> dict[str, Any] | None:
        _require_unsettled(finding)
        if finding.owner_id == owner.pk:
            return None
        finding.owner = owner
        given.append(finding)
        return {"owner": owner.username}

    def tell() -> None:
        tell_opened(findings=given, now=now, but_not=_person(actor))

    return act(
        actor=actor,
        finding_ids=finding_ids,
        verb="assigned",
        step=step,
        now=now,
        afterwards=tell,
        expected_row_version=expected_row_version,
    )


@dataclass(frozen=True)
class _Settled:
    """How findings end. `note` writes on each what this end adds, and says it for the record."""

    state: FindingState
    verb: str
    right: bool
    note: Callable[[Finding], dict[str, Any]]


def _settle_all(
    settled: _Settled,
    actor: Principal,
    finding_ids: Collection[int],
    reason: str,
    now: datetime,
    expected_row_version: int | None,
) -> list[Finding]:
    why = _reason(reason)

    def step(finding: Finding) -> dict[str, Any]:
        noted = settled.note(finding)
        _require_unsettled(finding)
        finding.reason, finding.state, finding.closed_at = why, settled.state, now
        finding.closed_by_id, finding.excepted_until = _person(actor), None
        return {"reason": why, "version": finding.resolved_by_version, **noted}

    return act(
        actor=actor,
        finding_ids=finding_ids,
        verb=settled.verb,
        step=step,
        now=now,
        right=settled.right,
        lifts=True,
        expected_row_version=expected_row_version,
    )


def _require_unsettled(finding: Finding) -> None:
    if finding.state not in FindingState.open_states():
        raise Conflict(f"Finding {finding.pk} is {finding.get_state_display().lower()} already.", field="state")


def _reason(reason: str) -> str:
    check_storable(reason, field="reason")
    if not reason.strip():
        raise InvalidInput("Say why.", field="reason", fix="Write a sentence.")
    if len(reason) > LONGEST_REASON:
        raise InvalidInput("The reason is too long.", field="reason", limit=LONGEST_REASON, fix="Shorten it.")
    return reason.strip()


def _person(actor: Principal) -> int | None:
    return actor.id if actor.kind == "person" else None
