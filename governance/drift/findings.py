"""One finding: opened as it is seen, read, and settled by a person; must not detect. Many at once: settling.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from context.access import SYSTEM, Principal
from context.digests import digest_of
from context.errors import NotFound
from context.models import ContextItem, Domain, User
from context.row_security import reading_as_system
from governance.audit import ledger
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
    # Whoever reports it may not be who will see it.
    with transaction.atomic(), reading_as_system():
        record_findings(detector=seen.detector, drafts=[draft], now=now, actor=actor)
        found = Finding.objects.filter(fingerprint=seen.fingerprint).order_by("pk").last()
    if found is None:
        raise RuntimeError("the finding was not written")
    return found


def acknowledge_finding(
    *, actor: Principal, finding_id: int, now: datetime, expected_row_version: int | None = None
) -> Finding:
    """Say that somebody has it in hand."""
    return acknowledge_findings(
        actor=actor, finding_ids=[finding_id], now=now, expected_row_version=expected_row_version
    )[0]


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
    return resolve_findings(
        actor=actor,
        finding_ids=[finding_id],
        reason=reason,
        version=version,
        now=now,
        expected_row_version=expected_row_version,
    )[0]


def dismiss_finding(
    *,
    actor: Principal,
    finding_id: int,
    reason: str,
    now: datetime,
    harmless: bool = False,
    expected_row_version: int | None = None,
) -> Finding:
    """Say that it is none (or, `harmless`, one that need not be mended): the same evidence stays quiet from now on."""
    return dismiss_findings(
        actor=actor,
        finding_ids=[finding_id],
        reason=reason,
        harmless=harmless,
        now=now,
        expected_row_version=expected_row_version,
    )[0]


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
    return except_findings(
        actor=actor,
        finding_ids=[finding_id],
        reason=reason,
        until=until,
        now=now,
        expected_row_version=expected_row_version,
    )[0]


def assign_finding(
    *, actor: Principal, finding_id: int, owner: User, now: datetime, expected_row_version: int | None = None
) -> Finding:
    """Give it to somebody else, who is told."""
    return assign_findings(
        actor=actor, finding_ids=[finding_id], owner=owner, now=now, expected_row_version=expected_row_version
    )[0]


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
