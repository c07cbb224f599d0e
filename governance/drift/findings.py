"""One finding: opened as it is seen, read, and settled by a person; must not detect. Many at once: settling.py."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from context.access import SYSTEM, Principal
from context.digests import digest_of
from context.errors import NotFound
from context.models import ContextItem, Domain, User
from governance.audit import ledger
<<<<<<< Updated upstream
from governance.drift.drafts import FindingDraft, Place
from governance.drift.recording import record_findings
from governance.drift.settling import (
    acknowledge_findings,
    assign_findings,
    dismiss_findings,
    except_findings,
    resolve_findings,
)
from governance.models import Finding, Severity
=======
from governance.audit.attempts import denials_recorded
from governance.models import Finding, FindingState, NotificationKind, Severity
from governance.notifying import notify

LONGEST_REASON = 2_000
LONGEST_EXCEPTION_DAYS = 366
# Days until a finding is due, by severity.
DUE_DAYS = {Severity.CRITICAL: 2, Severity.HIGH: 7, Severity.MEDIUM: 30, Severity.LOW: 90}
SETTLING_ROLES = ("steward", "domain_owner", "administrator")
>>>>>>> Stashed changes


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """One thing seen to be wrong, outside a scan. `cause` is what makes it the same finding when it is seen again.

    `evidence` is what shows it (exact passages, numbers); a dismissal holds until it differs. `item` where it is about
    one; else `domain` and the subject. Without `owner`, whoever answers for the item or domain.
    """

    detector: str
    summary: str
    cause: Mapping[str, Any]
    evidence: Mapping[str, Any]
    severity: Severity = Severity.MEDIUM
    item: ContextItem | None = None
    domain: Domain | None = None
    subject: ledger.Subject | None = None
    owner: User | None = None
    due_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        return digest_of({"detector": self.detector, "cause": self.cause})


def open_finding(*, seen: Sighting, now: datetime, actor: Principal = SYSTEM) -> Finding:
    """Open a finding, or the one of this cause anew. One audit event where its state or evidence changes, else none.

    An unsettled finding takes the new evidence. A settled one opens again, unless it was dismissed and the evidence
    is still the same: then it stays quiet.
    """
    subject = seen.subject
    draft = FindingDraft(
        cause=seen.cause,
        summary=seen.summary,
        evidence=seen.evidence,
        severity=seen.severity,
        item_id=seen.item.pk if seen.item is not None else None,
        domain_id=seen.domain.pk if seen.domain is not None else None,
        place=None
        if subject is None
        else Place(type=subject.type, id=subject.id, label=subject.label, sensitivity=subject.sensitivity),
        owner_id=seen.owner.pk if seen.owner is not None else None,
        due_at=seen.due_at,
    )
    with transaction.atomic():
        record_findings(detector=seen.detector, drafts=[draft], now=now, actor=actor)
        found = Finding.objects.filter(fingerprint=seen.fingerprint).order_by("pk").last()
    if found is None:
        raise RuntimeError("the finding was not written")
    return found


def acknowledge_finding(
    *, actor: Principal, finding_id: int, now: datetime, expected_row_version: int | None = None
) -> Finding:
    """Say that somebody has it in hand."""
<<<<<<< Updated upstream
    return acknowledge_findings(
        actor=actor, finding_ids=[finding_id], now=now, expected_row_version=expected_row_version
    )[0]
=======
    with _attempting("acknowledge", actor, finding_id, now), transaction.atomic():
        finding = _lock(actor, finding_id, expected_row_version)
        if finding.state != FindingState.OPEN:
            raise Conflict(f"The finding is {finding.get_state_display().lower()}.", field="state")
        finding.state, finding.acknowledged_at = FindingState.ACKNOWLEDGED, now
        finding.acknowledged_by_id = _person(actor)
        return _written(finding, actor, "acknowledged", now)
>>>>>>> Stashed changes


def resolve_finding(
    *,
    actor: Principal,
    finding_id: int,
    reason: str,
    now: datetime,
    version: int | None = None,
    expected_row_version: int | None = None,
) -> Finding:
    """Say that the cause is gone, and which version of the item did it, where one did."""
<<<<<<< Updated upstream
    return resolve_findings(
        actor=actor,
        finding_ids=[finding_id],
        reason=reason,
        version=version,
        now=now,
        expected_row_version=expected_row_version,
    )[0]
=======
    with _attempting("resolve", actor, finding_id, now), transaction.atomic():
        finding = _lock(actor, finding_id, expected_row_version)
        finding.resolved_by_version = version
        return _settle(finding, FindingState.RESOLVED, actor, reason, now)
>>>>>>> Stashed changes


def dismiss_finding(
    *,
    actor: Principal,
    finding_id: int,
    reason: str,
    now: datetime,
    harmless: bool = False,
    expected_row_version: int | None = None,
) -> Finding:
<<<<<<< Updated upstream
    """Say that it is none (or, `harmless`, one that need not be mended): the same evidence stays quiet from now on."""
    return dismiss_findings(
        actor=actor,
        finding_ids=[finding_id],
        reason=reason,
        harmless=harmless,
        now=now,
        expected_row_version=expected_row_version,
    )[0]
=======
    """Say that it is none, and why. The same evidence stays quiet from now on."""
    with _attempting("dismiss", actor, finding_id, now), transaction.atomic():
        finding = _lock(actor, finding_id, expected_row_version)
        return _settle(finding, FindingState.DISMISSED, actor, reason, now)
>>>>>>> Stashed changes


def except_finding(
    *,
    actor: Principal,
    finding_id: int,
    reason: str,
    until: datetime,
    now: datetime,
    expected_row_version: int | None = None,
) -> Finding:
    """Live with it until a date: it stays unsettled, but asks for nothing before then."""
<<<<<<< Updated upstream
    return except_findings(
        actor=actor,
        finding_ids=[finding_id],
        reason=reason,
        until=until,
        now=now,
        expected_row_version=expected_row_version,
    )[0]
=======
    if not timedelta(0) < until - now <= timedelta(days=LONGEST_EXCEPTION_DAYS):
        raise InvalidInput(
            "An exception ends, within a year.", field="until", limit=LONGEST_EXCEPTION_DAYS, fix="Choose an end date."
        )
    with _attempting("except", actor, finding_id, now), transaction.atomic():
        finding = _lock(actor, finding_id, None)
        _require_unsettled(finding)
        finding.excepted_until, finding.reason = until, _reason(reason)
        return _written(finding, actor, "excepted", now, reason=finding.reason, until=until)
>>>>>>> Stashed changes


def assign_finding(
    *, actor: Principal, finding_id: int, owner: User, now: datetime, expected_row_version: int | None = None
) -> Finding:
    """Give it to somebody else, who is told."""
<<<<<<< Updated upstream
    return assign_findings(
        actor=actor, finding_ids=[finding_id], owner=owner, now=now, expected_row_version=expected_row_version
    )[0]
=======
    with _attempting("assign", actor, finding_id, now), transaction.atomic():
        finding = _lock(actor, finding_id, None)
        _require_unsettled(finding)
        if not owner.is_active:
            raise InvalidInput(f"{owner.display_name} is not here any more.", field="owner", fix="Name another person.")
        if finding.owner_id == owner.pk:
            return finding
        finding.owner = owner
        _tell(finding, now, but_not=_person(actor))
        return _written(finding, actor, "assigned", now, owner=owner.username)
>>>>>>> Stashed changes


def finding_of(*, principal: Principal, finding_id: int) -> Finding:
    """The finding, where the principal may see it; NotFound otherwise."""
    found = (
        Finding.objects.visible_to(principal)
        .select_related("item__domain", "domain", "owner", "acknowledged_by", "closed_by", "remedy")
        .filter(pk=finding_id)
        .first()
    )
    if found is None:
        raise NotFound(f"There is no finding {finding_id}.")
    return found
<<<<<<< Updated upstream
=======


def subject_of(finding: Finding) -> ledger.Subject:
    return ledger.Subject(type="finding", id=str(finding.pk), label=str(finding)[:300], sensitivity=finding.sensitivity)


def _attempting(verb: str, actor: Principal, finding_id: int, now: datetime) -> AbstractContextManager[None]:
    return denials_recorded(
        actor=actor,
        action=f"governance.finding.{verb}",
        subject=lambda: subject_of(Finding.objects.select_related("item").get(pk=finding_id)),
        now=now,
    )


def _open(
    seen: Sighting, subject: ledger.Subject, evidence: dict[str, Any], now: datetime, actor: Principal
) -> Finding:
    domain_id = seen.item.domain_id if seen.item is not None else seen.domain.pk if seen.domain is not None else None
    finding = Finding.objects.create(
        detector=seen.detector,
        severity=seen.severity,
        subject_type=subject.type,
        subject_id=subject.id,
        subject_label=subject.label[:300],
        sensitivity=subject.sensitivity,
        item=seen.item,
        domain_id=domain_id,
        summary=seen.summary[:500],
        evidence=evidence,
        evidence_digest=digest_of(evidence),
        fingerprint=seen.fingerprint,
        owner_id=_owner_id(seen, domain_id),
        due_at=seen.due_at or now + timedelta(days=DUE_DAYS[Severity(seen.severity)]),
        opened_at=now,
        seen_at=now,
    )
    _tell(finding, now)
    ledger.append(
        actor=actor,
        action="governance.finding.opened",
        subject=subject_of(finding),
        now=now,
        data={"detector": finding.detector, "severity": finding.get_severity_display(), "summary": finding.summary},
        after=finding.evidence_digest,
    )
    return finding


def _see_again(
    finding: Finding,
    seen: Sighting,
    subject: ledger.Subject,
    evidence: dict[str, Any],
    now: datetime,
    actor: Principal,
) -> Finding:
    digest, before = digest_of(evidence), finding.evidence_digest
    same = digest == before
    unsettled = finding.state in FindingState.open_states()
    finding.seen_at = max(now, finding.seen_at)
    if same and (unsettled or finding.state == FindingState.DISMISSED):
        # Not a state change: when it was last seen is a hint for its owner.
        finding.save(update_fields=["seen_at"])
        return finding
    finding.evidence, finding.evidence_digest, finding.summary = evidence, digest, seen.summary[:500]
    finding.severity, finding.sensitivity = seen.severity, subject.sensitivity
    finding.subject_label = subject.label[:300]
    if unsettled:
        return _written(finding, actor, "changed", now, before=before, summary=finding.summary)
    was, why = finding.state, finding.reason
    finding.state, finding.reason, finding.closed_at, finding.closed_by = FindingState.OPEN, "", None, None
    finding.acknowledged_at = finding.acknowledged_by = finding.excepted_until = finding.resolved_by_version = None
    finding.times_opened += 1
    finding.owner_id = _owner_id(seen, finding.domain_id)
    finding.due_at = seen.due_at or now + timedelta(days=DUE_DAYS[Severity(seen.severity)])
    _tell(finding, now)
    return _written(finding, actor, "reopened", now, before=before, was=was, reason=why)


def _settle(finding: Finding, state: FindingState, actor: Principal, reason: str, now: datetime) -> Finding:
    _require_unsettled(finding)
    finding.reason = _reason(reason)
    finding.state, finding.closed_at, finding.closed_by_id = state, now, _person(actor)
    finding.excepted_until = None
    return _written(finding, actor, state.value, now, reason=finding.reason, version=finding.resolved_by_version)


def _written(
    finding: Finding, actor: Principal, verb: str, now: datetime, *, before: str | None = None, **data: Any
) -> Finding:
    finding.row_version += 1
    finding.save()
    ledger.append(
        actor=actor,
        action=f"governance.finding.{verb}",
        subject=subject_of(finding),
        now=now,
        data=data,
        before=before or finding.evidence_digest,
        after=finding.evidence_digest,
    )
    return finding


def _tell(finding: Finding, now: datetime, *, but_not: int | None = None) -> None:
    notify(
        people=[finding.owner_id],
        kind=NotificationKind.FINDING_OPENED,
        subject=subject_of(finding),
        text=finding.summary,
        url=f"/findings/{finding.pk}/",
        now=now,
        but_not=but_not,
    )


def _lock(actor: Principal, finding_id: int, expected_row_version: int | None) -> Finding:
    """The finding, locked, where the actor may settle it; NotFound where hidden, PreconditionFailed where moved on."""
    if not Finding.objects.visible_to(actor).filter(pk=finding_id).exists():
        raise NotFound(f"There is no finding {finding_id}.")
    finding = Finding.objects.select_for_update(of=("self",)).select_related("item__owner").get(pk=finding_id)
    if expected_row_version is not None and finding.row_version != expected_row_version:
        raise PreconditionFailed(
            "The finding was written since you read it.", field="If-Match", fix="Read it again and retry."
        )
    if not may_settle(actor, finding):
        raise NotPermitted(
            "You may not decide on this finding.", fix="Its owner may, and who answers for its text or domain."
        )
    return finding


def may_settle(actor: Principal, finding: Finding) -> bool:
    """Its owner, whoever answers for the item, and stewards and owners of the domain; agents never."""
    if actor.kind == "system":
        return True
    if actor.kind != "person":
        return False
    if finding.owner_id == actor.id or any(actor.has_role(role, finding.domain_id) for role in SETTLING_ROLES):
        return True
    if finding.item is None:
        return False
    stewards = ContextItem.stewards.through._default_manager.filter(contextitem_id=finding.item.pk, user_id=actor.id)
    return finding.item.owner_id == actor.id or stewards.exists()


def _held(fingerprint: str) -> Finding | None:
    """The latest finding of the cause, locked: the unsettled one where there is one."""
    found = Finding.objects.select_for_update(of=("self",)).filter(fingerprint=fingerprint)
    return found.order_by("-id").first()


def _subject(seen: Sighting) -> ledger.Subject:
    if seen.item is not None:
        return ledger.Subject(type="item", id=seen.item.key, label=seen.item.title, sensitivity=seen.item.sensitivity)
    if seen.subject is not None:
        return seen.subject
    if seen.domain is not None:
        return ledger.Subject(
            type="domain", id=seen.domain.slug, label=seen.domain.name, sensitivity=Sensitivity.INTERNAL
        )
    raise InvalidInput("A finding is about something.", field="subject", fix="Give an item, a domain or a subject.")


def _owner_id(seen: Sighting, domain_id: int | None) -> int | None:
    if seen.owner is not None and seen.owner.is_active:
        return seen.owner.pk
    answering = read_answering()
    return effective_owner_id(seen.item, answering) if seen.item is not None else answering.for_domain(domain_id)


def _require_unsettled(finding: Finding) -> None:
    if finding.state not in FindingState.open_states():
        raise Conflict(f"The finding is {finding.get_state_display().lower()} already.", field="state")


def _reason(reason: str) -> str:
    check_storable(reason, field="reason")
    if not reason.strip():
        raise InvalidInput("Say why.", field="reason", fix="Write a sentence.")
    if len(reason) > LONGEST_REASON:
        raise InvalidInput("The reason is too long.", field="reason", limit=LONGEST_REASON, fix="Shorten it.")
    return reason.strip()


def _person(actor: Principal) -> int | None:
    return actor.id if actor.kind == "person" else None
>>>>>>> Stashed changes
