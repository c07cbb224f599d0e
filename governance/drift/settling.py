"""The steps people take with findings, over one or many: all of them, or none and the reason; must not detect.

Rows are locked first, in the order of their ids; the events come last. Who may not take a step leaves one event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from context.access import Principal
from context.digests import check_storable
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted, PreconditionFailed
from context.models import ContextItem, User
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.drift.holding import lift_holds
from governance.drift.recording import subject_of
from governance.drift.telling import tell_opened
from governance.models import Finding, FindingState, Judgement

LONGEST_REASON = 2_000
LONGEST_EXCEPTION_DAYS = 366
MOST_AT_ONCE = 500
SETTLING_ROLES = ("steward", "domain_owner", "administrator")
_WRITTEN = (
    "state",
    "reason",
    "owner",
    "due_at",
    "excepted_until",
    "resolved_by_version",
    "acknowledged_at",
    "acknowledged_by",
    "closed_at",
    "closed_by",
    "row_version",
)


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

    return _act(
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
    why = _reason(reason)

    def step(finding: Finding) -> dict[str, Any]:
        finding.resolved_by_version = version
        return _settle(finding, FindingState.RESOLVED, actor, why, now)

    return _act(
        actor=actor,
        finding_ids=finding_ids,
        verb="resolved",
        step=step,
        now=now,
        right=True,
        lifts=True,
        expected_row_version=expected_row_version,
    )


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
    why = _reason(reason)

    def step(finding: Finding) -> dict[str, Any]:
        return {**_settle(finding, FindingState.DISMISSED, actor, why, now), "harmless": harmless}

    return _act(
        actor=actor,
        finding_ids=finding_ids,
        verb="dismissed",
        step=step,
        now=now,
        right=harmless,
        lifts=True,
        expected_row_version=expected_row_version,
    )


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

    return _act(
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

    return _act(
        actor=actor,
        finding_ids=finding_ids,
        verb="assigned",
        step=step,
        now=now,
        afterwards=tell,
        expected_row_version=expected_row_version,
    )


def may_settle(actor: Principal, finding: Finding) -> bool:
    """Its owner, whoever answers for the item, and stewards and owners of the domain; agents never."""
    return finding.pk in may_settle_all(actor, [finding])


def _act(
    *,
    actor: Principal,
    finding_ids: Collection[int],
    verb: str,
    step: Callable[[Finding], dict[str, Any] | None],
    now: datetime,
    right: bool | None = None,
    lifts: bool = False,
    afterwards: Callable[[], None] | None = None,
    expected_row_version: int | None = None,
) -> list[Finding]:
    """Lock the findings, ask whether the actor may, take the step with each, write, judge, and append the events.

    A step that returns None changes nothing. `right` notes what a person's step says of the detector.
    """
    wanted = sorted(set(finding_ids))
    if not 0 < len(wanted) <= MOST_AT_ONCE:
        raise InvalidInput(
            "Name some findings.", field="findings", limit=MOST_AT_ONCE, fix=f"Name from 1 to {MOST_AT_ONCE}."
        )
    denied: list[Finding] = []
    denials = denials_recorded(
        actor=actor, action=f"governance.finding.{verb}", subject=lambda: subject_of(denied[0]), now=now
    )
    with denials, transaction.atomic():
        findings = _lock(actor, wanted, expected_row_version)
        permitted = may_settle_all(actor, findings)
        denied += [finding for finding in findings if finding.pk not in permitted]
        if denied:
            raise NotPermitted(
                "You may not decide on this finding."
                if len(wanted) == 1
                else f"You may not decide on all: {denied[0]}.",
                fix="Its owner may, and who answers for its text or domain.",
            )
        told = {finding.pk: data for finding in findings if (data := step(finding)) is not None}
        changed = [finding for finding in findings if finding.pk in told]
        for finding in changed:
            finding.row_version += 1
        Finding.objects.bulk_update(changed, _WRITTEN)
        if right is not None and actor.kind == "person":
            Judgement.objects.bulk_create(
                Judgement(
                    finding=finding,
                    evidence_digest=finding.evidence_digest,
                    right=right,
                    person_id=actor.id,
                    judged_at=now,
                )
                for finding in changed
            )
        if afterwards is not None:
            afterwards()
        lifted = lift_holds(finding_ids=list(told)) if lifts else set()
        ledger.append_all(
            actor=actor,
            entries=[
                _entry(finding, verb, {**told[finding.pk], **({"held_back": False} if finding.pk in lifted else {})})
                for finding in changed
            ],
            now=now,
        )
    return findings


def _entry(finding: Finding, verb: str, data: Mapping[str, Any]) -> ledger.Entry:
    return ledger.Entry(
        action=f"governance.finding.{verb}",
        subject=subject_of(finding),
        data=data,
        before=finding.evidence_digest,
        after=finding.evidence_digest,
    )


def _lock(actor: Principal, wanted: Sequence[int], expected_row_version: int | None) -> list[Finding]:
    """The findings, locked in the order of their ids; NotFound where hidden, PreconditionFailed where moved on."""
    visible = set(Finding.objects.visible_to(actor).filter(pk__in=wanted).values_list("pk", flat=True))
    for finding_id in wanted:
        if finding_id not in visible:
            raise NotFound(f"There is no finding {finding_id}.")
    rows = Finding.objects.select_for_update(of=("self",)).select_related("item", "domain", "owner")
    findings = list(rows.filter(pk__in=wanted).order_by("pk"))
    if expected_row_version is not None and any(each.row_version != expected_row_version for each in findings):
        raise PreconditionFailed(
            "The finding was written since you read it.", field="If-Match", fix="Read it again and retry."
        )
    return findings


def may_settle_all(actor: Principal, findings: Sequence[Finding]) -> set[int]:
    """The ids of those that the actor may settle. One query where some are about items."""
    if actor.kind == "system":
        return {finding.pk for finding in findings}
    if actor.kind != "person":
        return set()
    items = [finding.item_id for finding in findings if finding.item_id is not None]
    stewards = ContextItem.stewards.through._default_manager.filter(contextitem_id__in=items, user_id=actor.id)
    stewarded = set(stewards.values_list("contextitem_id", flat=True)) if items else set()
    return {
        finding.pk
        for finding in findings
        if finding.owner_id == actor.id
        or any(actor.has_role(role, finding.domain_id) for role in SETTLING_ROLES)
        or (finding.item is not None and (finding.item.owner_id == actor.id or finding.item_id in stewarded))
    }


def _settle(finding: Finding, state: FindingState, actor: Principal, reason: str, now: datetime) -> dict[str, Any]:
    _require_unsettled(finding)
    finding.reason, finding.state, finding.closed_at = reason, state, now
    finding.closed_by_id, finding.excepted_until = _person(actor), None
    return {"reason": reason, "version": finding.resolved_by_version}


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
