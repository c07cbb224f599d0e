"""One step with some findings, whatever it is: locked, permitted, taken, judged and told; must not say what it means.

Rows are locked first, in the order of their ids; the events come last. Who may not take a step leaves one event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from context.access import Principal
from context.errors import InvalidInput, NotFound, NotPermitted, PreconditionFailed
from context.models import ContextItem
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.drift.holding import lift_holds
from governance.drift.recording import subject_of
from governance.models import Finding, Judgement

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


def act(
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


def may_settle(actor: Principal, finding: Finding) -> bool:
    """Its owner, whoever answers for the item, and stewards and owners of the domain; agents never."""
    return finding.pk in may_settle_all(actor, [finding])
