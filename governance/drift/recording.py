"""Writes what detectors saw as findings, one for each cause, many at a time; must not detect, and not settle any.

A cause seen for the first time opens a finding; seen again, it is the same one. What is settled opens anew, unless it
was dismissed and the evidence is what it was then. One lock for each detector keeps two scans from opening a cause
twice. One audit event for every finding whose state, evidence or severity changes, none for one that merely stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from context.access import SYSTEM, Principal
from context.digests import check_storable
from governance.audit import ledger
from governance.drift.detectors import detectors
from governance.drift.drafts import FindingDraft
from governance.drift.facts import Facts, read_facts
from governance.drift.holding import place_holds
from governance.drift.telling import tell_opened
from governance.drift.tuning import Tuning
from governance.models import Finding, FindingState, Severity

# Days until a finding is due, by severity.
DUE_DAYS = {Severity.CRITICAL: 2, Severity.HIGH: 7, Severity.MEDIUM: 30, Severity.LOW: 90}
HELD_FROM = Severity.HIGH
LONGEST_SUMMARY = 500
WRITTEN_AT_ONCE = 500
_LOCK_SPACE = 7_246_530
_SEEN_AGAIN = (
    "severity",
    "sensitivity",
    "subject_label",
    "domain",
    "summary",
    "evidence",
    "evidence_digest",
    "proposal",
    "state",
    "reason",
    "owner",
    "due_at",
    "excepted_until",
    "resolved_by_version",
    "seen_at",
    "times_opened",
    "acknowledged_at",
    "acknowledged_by",
    "closed_at",
    "closed_by",
    "row_version",
)


@dataclass(kw_only=True, slots=True)
class Recorded:
    """What became of the drafts: ids of findings by what happened to them, and the fingerprints that were seen."""

    opened: list[int] = field(default_factory=list)
    reopened: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    standing: list[int] = field(default_factory=list)
    quiet: list[int] = field(default_factory=list)
    fingerprints: set[str] = field(default_factory=set)


def record_findings(
    *,
    detector: str,
    drafts: Iterable[FindingDraft],
    now: datetime,
    actor: Principal = SYSTEM,
    tuning: Mapping[int, Tuning] | None = None,
) -> Recorded:
    """Write the drafts of one detector. About ten statements, whatever their number, and the events.

    `tuning` by domain says which severity findings there get outright, and whether grave ones hold their items back.
    """
    seen = {draft.fingerprint(detector): draft for draft in drafts}
    done = Recorded(fingerprints=set(seen))
    if not seen:
        return done
    with transaction.atomic():
        facts = read_facts(drafts=seen.values(), tuning=tuning or {}, now=now)
        lock_detector(detector)
        writing = _Writing(detector=detector, facts=facts, now=now, done=done)
        moving = _moving(seen, writing)
        # The latest of each cause: the unsettled one where there is one.
        rows = Finding.objects.select_for_update(of=("self",)).filter(fingerprint__in=moving).order_by("pk")
        held = {finding.fingerprint: finding for finding in rows}
        for fingerprint in moving:
            writing.take(fingerprint, seen[fingerprint], held.get(fingerprint))
        writing.write(actor)
    return done


def _moving(seen: Mapping[str, FindingDraft], writing: _Writing) -> list[str]:
    """The fingerprints of which something may have to be written. Of most nothing has, and a few columns tell that."""
    rows = Finding.objects.filter(fingerprint__in=seen).order_by("pk")
    latest = {row[0]: row[1:] for row in rows.values_list("fingerprint", "pk", "state", "evidence_digest", "severity")}
    return [
        fingerprint
        for fingerprint, draft in seen.items()
        if fingerprint not in latest or not writing.merely_stands(draft, *latest[fingerprint])
    ]


def lock_detector(detector: str) -> None:
    """Until commit, nobody else opens or closes findings of this detector."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_SPACE, detector])


def subject_of(finding: Finding) -> ledger.Subject:
    return ledger.Subject(type="finding", id=str(finding.pk), label=str(finding)[:300], sensitivity=finding.sensitivity)


@dataclass(kw_only=True, slots=True)
class _Writing:
    """The drafts of one call on their way into rows."""

    detector: str
    facts: Facts
    now: datetime
    done: Recorded
    new: list[tuple[Finding, FindingDraft]] = field(default_factory=list)
    known: list[tuple[Finding, FindingDraft, str, dict[str, Any]]] = field(default_factory=list)

    def merely_stands(self, draft: FindingDraft, pk: int, state: str, digest: str, severity: int) -> bool:
        """Whether a finding is there already and says what the draft does; noted, where it is so."""
        if digest != draft.evidence_digest:
            return False
        if state == FindingState.DISMISSED:
            self.done.quiet.append(pk)
        elif state in FindingState.open_states() and self.facts.severity(draft) <= severity:
            self.done.standing.append(pk)
        else:
            return False
        return True

    def take(self, fingerprint: str, draft: FindingDraft, held: Finding | None) -> None:
        if held is None:
            finding = Finding(
                detector=self.detector,
                fingerprint=fingerprint,
                opened_at=self.now,
                seen_at=self.now,
                item_id=draft.item_id,
            )
            subject = self._describe(finding, draft)
            finding.subject_type, finding.subject_id = subject.type, subject.id[:200]
            self._open(finding, draft)
            self.new.append((finding, draft))
            return
        same = held.evidence_digest == draft.evidence_digest
        was, reason, before = held.state, held.reason, held.evidence_digest
        if self.merely_stands(draft, held.pk, held.state, held.evidence_digest, held.severity):
            return
        if held.state in FindingState.open_states():
            if same:
                held.severity = self.facts.severity(draft)
            else:
                self._describe(held, draft)
            self._note(held, draft, "changed", {"before": before, "summary": held.summary})
        else:
            self._describe(held, draft)
            held.state, held.reason, held.closed_at, held.closed_by = FindingState.OPEN, "", None, None
            held.acknowledged_at = held.acknowledged_by = held.excepted_until = held.resolved_by_version = None
            held.times_opened += 1
            self._open(held, draft)
            self._note(held, draft, "reopened", {"before": before, "was": was, "reason": reason})

    def write(self, actor: Principal) -> None:
        """The rows, who is told, and last the events."""
        Finding.objects.bulk_create([finding for finding, _ in self.new], batch_size=WRITTEN_AT_ONCE)
        self.done.opened += [finding.pk for finding, _ in self.new]
        known = [finding for finding, *_ in self.known]
        Finding.objects.bulk_update(known, _SEEN_AGAIN, batch_size=WRITTEN_AT_ONCE)
        self._link()
        standing = [*self.done.standing, *self.done.quiet]
        # Not a state change: when it was last seen is a hint for its owner.
        Finding.objects.filter(pk__in=standing, seen_at__lt=self.now).update(seen_at=self.now)
        opened = [finding for finding, _ in self.new]
        opened += [finding for finding, _, verb, _ in self.known if verb == "reopened"]
        tell_opened(findings=opened, now=self.now)
        entries = [self._opened_entry(finding) for finding, _ in self.new]
        entries += [_entry(finding, verb, data) for finding, _, verb, data in self.known]
        entries += self._held_back(opened)
        ledger.append_all(actor=actor, entries=entries, now=self.now)

    def _describe(self, finding: Finding, draft: FindingDraft) -> ledger.Subject:
        subject = self.facts.subject(draft)
        evidence = dict(draft.evidence)
        check_storable(evidence, field="evidence")
        finding.severity, finding.sensitivity = self.facts.severity(draft), subject.sensitivity
        finding.subject_label, finding.domain_id = subject.label[:300], self.facts.domain_id(draft)
        finding.summary = draft.summary[:LONGEST_SUMMARY]
        finding.evidence, finding.evidence_digest = evidence, draft.evidence_digest
        finding.proposal = draft.proposal.as_json() if draft.proposal is not None else None
        return subject

    def _open(self, finding: Finding, draft: FindingDraft) -> None:
        finding.owner_id = self.facts.owner_id(draft)
        finding.due_at = draft.due_at or self.now + timedelta(days=DUE_DAYS[Severity(finding.severity)])

    def _note(self, finding: Finding, draft: FindingDraft, verb: str, data: dict[str, Any]) -> None:
        finding.seen_at = max(self.now, finding.seen_at)
        finding.row_version += 1
        self.known.append((finding, draft, verb, data))
        (self.done.changed if verb == "changed" else self.done.reopened).append(finding.pk)

    def _link(self) -> None:
        through = Finding.concerned.through._default_manager
        wanted = {finding.pk: _concerned(draft) for finding, draft in self.new}
        wanted |= {finding.pk: _concerned(draft) for finding, draft, *_ in self.known}
        known = [finding.pk for finding, *_ in self.known]
        through.filter(finding_id__in=known).delete()
        through.bulk_create(
            [
                Finding.concerned.through(finding_id=finding_id, contextitem_id=item_id)
                for finding_id, items in wanted.items()
                for item_id in items
            ],
            batch_size=WRITTEN_AT_ONCE * 4,
        )

    def _held_back(self, opened: Iterable[Finding]) -> list[ledger.Entry]:
        code = detectors()[self.detector].hold_code if self.detector in detectors() else ""
        grave = {
            finding.pk: finding
            for finding in opened
            if code and finding.severity >= HELD_FROM and self.facts.tuning_in(finding.domain_id).hold_back
        }
        if not grave:
            return []
        concerned: dict[int, list[int]] = defaultdict(list)
        rows = Finding.concerned.through._default_manager.filter(finding_id__in=grave)
        for finding_id, item_id in rows.values_list("finding_id", "contextitem_id"):
            concerned[finding_id].append(item_id)
        placed = place_holds(concerned=concerned, code=code, now=self.now)
        return [_entry(grave[finding_id], "held_back", {"code": code}) for finding_id in sorted(placed)]

    def _opened_entry(self, finding: Finding) -> ledger.Entry:
        return ledger.Entry(
            action="governance.finding.opened",
            subject=subject_of(finding),
            data={
                "detector": finding.detector,
                "severity": finding.get_severity_display(),
                "summary": finding.summary,
            },
            after=finding.evidence_digest,
        )


def _concerned(draft: FindingDraft) -> set[int]:
    return {item for item in (draft.item_id, *draft.other_item_ids) if item is not None}


def _entry(finding: Finding, verb: str, data: Mapping[str, Any]) -> ledger.Entry:
    told = dict(data)
    return ledger.Entry(
        action=f"governance.finding.{verb}",
        subject=subject_of(finding),
        before=told.pop("before", finding.evidence_digest),
        data=told,
        after=finding.evidence_digest,
    )
