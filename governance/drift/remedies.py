"""One step from a finding to what mends it: a draft change, a confirmation, a hold; must not publish or approve."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from context.access import Principal, principal_for
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import ContextItem, User
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.changes import create_change
from governance.drift.acting import MOST_AT_ONCE, may_settle_all
from governance.drift.detectors import detectors
from governance.drift.findings import finding_of
from governance.drift.holding import lift_holds, place_holds
from governance.drift.mending import mended
from governance.drift.recording import subject_of
from governance.drift.settling import resolve_findings
from governance.edits import EditInput, NothingToChange
from governance.models import Change, ChangeState, Finding, FindingState, Judgement
from governance.proposals import state_of
from governance.verification import verify_items

LONGEST_TITLE = 200
LONGEST_REASON = 5_000
UNDER_WAY = (ChangeState.DRAFT, ChangeState.IN_REVIEW, ChangeState.APPROVED, ChangeState.SCHEDULED)


def draft_remedy(*, actor: User, finding_ids: Collection[int], now: datetime) -> Change:
    """A draft change that mends these findings as their detectors propose, for the actor to complete and submit.

    Where one change is under way for all of them already, it is that one. What has no proposal is left for the actor to
    write: the draft says why. Findings keep the number of the change. Whoever may propose edits to the texts may do
    this; the change refuses others.
    """
    principal = principal_for(actor)
    findings = _readable(principal, finding_ids)
    if any(finding.item is None for finding in findings):
        raise Conflict("There is no text to change.", field="findings", fix="Settle it where it arose.")
    if (begun := _begun(principal, findings)) is not None:
        return begun
    edits: dict[str, EditInput] = {}
    for finding in findings:
        edit = _proposed(finding, edits)
        if edit is not None:
            edits[edit.key] = edit
    title = findings[0].summary if len(findings) == 1 else f"Mend {len(findings)} findings"
    reason = "\n".join(_reason(finding) for finding in findings)[:LONGEST_REASON]

    def made(wanted: Collection[EditInput]) -> Change:
        return create_change(
            actor=actor, title=title[:LONGEST_TITLE], reason=reason, edits=list(wanted), now=now, origin="finding"
        )

    try:
        change = made(edits.values())
    except NothingToChange:
        # Somebody has made the replacements already; the draft is still where to go on.
        change = made([])
    with transaction.atomic():
        locked = list(
            Finding.objects.select_for_update(of=("self",)).filter(pk__in=[each.pk for each in findings]).order_by("pk")
        )
        for finding in locked:
            finding.remedy = change
            finding.row_version += 1
        Finding.objects.bulk_update(locked, ["remedy", "row_version"])
        Judgement.objects.bulk_create(
            Judgement(finding=finding, evidence_digest=finding.evidence_digest, right=True, person=actor, judged_at=now)
            for finding in locked
        )
        ledger.append_all(
            actor=principal,
            entries=[_entry(finding, "remedy_drafted", {"change": change.pk}) for finding in locked],
            now=now,
        )
    return change


def verify_findings(*, actor: User, finding_ids: Collection[int], now: datetime) -> list[Finding]:
    """Confirm the texts as still true, and resolve the findings that this settles: all of them, or none."""
    principal = principal_for(actor)
    findings = _readable(principal, finding_ids)
    for finding in findings:
        if not confirmable(finding):
            raise Conflict(
                f"Confirming the text does not settle finding {finding.pk}.",
                field="findings",
                fix="Choose another remedy for it.",
            )
    # Its refusals are recorded by itself: it may not stand inside a transaction that they would undo.
    verify_items(actor=actor, keys=sorted({finding.item.key for finding in findings if finding.item}), now=now)
    return resolve_findings(
        actor=principal,
        finding_ids=[finding.pk for finding in findings],
        reason=f"{actor.display_name} confirmed the text on {now:%d %B %Y}.",
        now=now,
    )


def hold_back(*, actor: Principal, finding_id: int, now: datetime) -> Finding:
    """Keep the items of a finding from contracts that demand verified context, until it is settled or let go."""
    return _held(actor, finding_id, now, hold=True)


def let_go(*, actor: Principal, finding_id: int, now: datetime) -> Finding:
    """Let the items be used again although the finding stands."""
    return _held(actor, finding_id, now, hold=False)


def _held(actor: Principal, finding_id: int, now: datetime, *, hold: bool) -> Finding:
    finding = finding_of(principal=actor, finding_id=finding_id)
    verb = "held_back" if hold else "let_go"
    with denials_recorded(
        actor=actor, action=f"governance.finding.{verb}", subject=lambda: subject_of(finding), now=now
    ):
        if finding.pk not in may_settle_all(actor, [finding]):
            raise NotPermitted(
                "You may not hold this text back.", fix="Its owner may, and who answers for its text or domain."
            )
    with transaction.atomic():
        locked = Finding.objects.select_for_update(of=("self",)).get(pk=finding_id)
        if hold and locked.state not in FindingState.open_states():
            raise Conflict(f"The finding is {locked.get_state_display().lower()}.", field="state")
        items = list(locked.concerned.values_list("pk", flat=True))
        if not items:
            raise Conflict("There is no text to hold back.", field="finding")
        code = _code(locked)
        changed = (
            place_holds(concerned={locked.pk: items}, code=code, now=now)
            if hold
            else lift_holds(finding_ids=[locked.pk])
        )
        if changed:
            ledger.append(
                actor=actor,
                action=f"governance.finding.{verb}",
                subject=subject_of(locked),
                now=now,
                data={"code": code},
                before=locked.evidence_digest,
                after=locked.evidence_digest,
            )
    return locked


def _code(finding: Finding) -> str:
    known = detectors().get(finding.detector)
    return known.hold_code if known is not None and known.hold_code else "unverified"


def _readable(principal: Principal, finding_ids: Collection[int]) -> list[Finding]:
    wanted = sorted(set(finding_ids))
    if not 0 < len(wanted) <= MOST_AT_ONCE:
        raise InvalidInput(
            "Name some findings.", field="findings", limit=MOST_AT_ONCE, fix=f"Name from 1 to {MOST_AT_ONCE}."
        )
    rows = Finding.objects.visible_to(principal).filter(pk__in=wanted).order_by("-severity", "pk")
    findings = list(rows.select_related("item__current_version", "item__domain", "item__kind"))
    if missing := sorted(set(wanted) - {finding.pk for finding in findings}):
        raise NotFound(f"There is no finding {missing[0]}.")
    for finding in findings:
        if finding.state not in FindingState.open_states():
            raise Conflict(f"Finding {finding.pk} is {finding.get_state_display().lower()} already.", field="state")
    return findings


def _begun(principal: Principal, findings: Sequence[Finding]) -> Change | None:
    """The change that is under way for all of these already, as far as the actor may see it."""
    number, *others = {finding.remedy_id for finding in findings}
    if number is None or others:
        return None
    return Change.objects.visible_to(principal).filter(pk=number, state__in=UNDER_WAY).first()


def _proposed(finding: Finding, before: Mapping[str, EditInput]) -> EditInput | None:
    """The edit that the detector proposes, on top of what other findings of the change do to the same text."""
    proposal, item = finding.proposal, finding.item
    if not proposal or item is None or item.current_version is None or proposal.get("key") != item.key:
        return None
    if proposal.get("retire"):
        return EditInput(operation="retire", key=item.key)
    earlier = before.get(item.key)
    payload: dict[str, Any] = dict(earlier.payload) if earlier is not None and earlier.operation == "revise" else {}
    payload = mended(proposal, {**state_of(item, item.current_version), **payload}, payload)
    return EditInput(operation="revise", key=item.key, payload=payload) if payload else None


def _reason(finding: Finding) -> str:
    proposed = (finding.proposal or {}).get("reason", "")
    return f"Finding {finding.pk}: {finding.summary} {proposed}".strip()


def _entry(finding: Finding, verb: str, data: Mapping[str, Any]) -> ledger.Entry:
    return ledger.Entry(
        action=f"governance.finding.{verb}",
        subject=subject_of(finding),
        data=data,
        before=finding.evidence_digest,
        after=finding.evidence_digest,
    )


def confirmable(finding: Finding) -> bool:
    """Whether confirming the text as still true settles it: the detector says so, and what it saw does not deny it."""
    known = detectors().get(finding.detector)
    said = finding.evidence.get("confirmable", True)
    return finding.item is not None and known is not None and known.verifiable and said is not False


def proposes(finding: Finding, item: ContextItem | None) -> bool:
    """Whether the draft of one click holds the mended text already."""
    return bool(finding.proposal) and item is not None and (finding.proposal or {}).get("key") == item.key
