"""Takes what agents and people say of the context, once each, and opens a finding for it; must not write context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from agents.feedback.firewall import NOTHING, Echo, echo_of, served_to, words_of
from agents.models import ContextContract, Feedback, FeedbackKind, FeedbackState, Run
from context.access import Principal
from context.digests import check_storable, digest_of
from context.errors import InvalidInput, NotFound
from context.models import ContextItem, ContextVersion, Sensitivity
from context.row_security import reading_as
from governance.audit import ledger
from governance.drift.drafts import Excerpt, Proposal, evidence
from governance.drift.findings import Sighting, open_finding
from governance.models import Severity

DETECTOR = "feedback"
LONGEST_TEXT, LONGEST_PROPOSAL = 4_000, 100_000
OUTCOMES = ("accepted", "corrected", "rejected", "harmful")


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What is said. `about` and `other` are keys of items, `contract` a slug; `proposal` is a text to stand instead."""

    kind: str
    text: str
    about: str = ""
    other: str = ""
    contract: str = ""
    run: UUID | None = None
    proposal: str = ""
    outcome: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Subject:
    item: ContextItem | None
    other: ContextItem | None
    contract: ContextContract | None
    run: Run | None


def report_feedback(*, actor: Principal, report: Report, now: datetime) -> Feedback:
    """Keep what is said; the same said again only counts. A gap, contradiction or correction opens a finding.

    What repeats served text (see firewall.py) is kept as an echo and opens nothing. Names that the actor may not see
    do not exist for them.
    """
    _check(report)
    with reading_as(actor):
        subject = _subject(actor, report)
    served = served_to(agent_id=actor.id, now=now) if actor.kind == "agent" else set()
    said = f"{report.text}\n{report.proposal}"
    echo = echo_of(text=said, served=served) if served else NOTHING
    # A correction quotes what it corrects: there, only the proposal must be new.
    if report.kind == FeedbackKind.CORRECTION and report.proposal:
        echo = echo_of(text=report.proposal, served=served) if served else NOTHING
    fingerprint = _fingerprint(report)
    with transaction.atomic():
        known = Feedback.objects.select_for_update().filter(fingerprint=fingerprint).first()
        if known is not None:
            Feedback.objects.filter(pk=known.pk).update(times=F("times") + 1, last_said_at=now)
            known.refresh_from_db()
            _tell(actor, known, "repeated", now)
            return known
        finding_id = None
        if report.kind != FeedbackKind.OUTCOME and not echo.is_echo:
            with reading_as(actor):
                seen = _sighting(actor=actor, report=report, subject=subject, echo=echo, fingerprint=fingerprint)
            finding_id = open_finding(seen=seen, now=now, actor=actor).pk
        made = Feedback.objects.create(
            fingerprint=fingerprint,
            kind=report.kind,
            state=FeedbackState.ECHO if echo.is_echo else FeedbackState.NOTED,
            agent_id=actor.id if actor.kind == "agent" else None,
            person_id=actor.id if actor.kind == "person" else None,
            item=subject.item,
            other_item=subject.other,
            contract=subject.contract,
            run=subject.run,
            text=report.text,
            proposal=report.proposal,
            outcome=report.outcome,
            served_share=round(echo.share, 4),
            echoes=[{"key": key, "version": number} for key, number in echo.texts[:20]],
            sensitivity=_sensitivity(actor, subject),
            finding_id=finding_id,
            first_said_at=now,
            last_said_at=now,
        )
        _tell(actor, made, "given", now)
    return made


def _subject(actor: Principal, report: Report) -> _Subject:
    items: list[ContextItem | None] = []
    for name, key in (("about", report.about), ("other", report.other)):
        found = ContextItem.objects.visible_to(actor).filter(key=key).first() if key else None
        if key and found is None:
            raise NotFound("There is no such item.", field=name)
        items.append(found)
    contract = ContextContract.objects.visible_to(actor).filter(slug=report.contract).first()
    if report.contract and contract is None:
        raise NotFound("There is no such contract.", field="contract")
    run = Run.objects.visible_to(actor).filter(pk=report.run).first() if report.run is not None else None
    if report.run is not None and run is None:
        raise NotFound("There is no such run.", field="run")
    if contract is None and run is not None and run.contract_version is not None:
        contract = run.contract_version.contract
    return _Subject(item=items[0], other=items[1], contract=contract, run=run)


def _sighting(*, actor: Principal, report: Report, subject: _Subject, echo: Echo, fingerprint: str) -> Sighting:
    item = subject.item
    passages = [shown for each in (item, subject.other) if each is not None for shown in _excerpts(actor, each)]
    said_by = f"{'The agent ' if actor.kind == 'agent' else ''}{actor.label}"
    what = FeedbackKind(report.kind).label
    about = f" ({item.key})" if item is not None else f" ({subject.contract.name})" if subject.contract else ""
    proposal = None
    if item is not None and report.proposal and report.kind == FeedbackKind.CORRECTION:
        reason = f"{said_by} reports: {report.text[:400]}"
        proposal = Proposal(key=item.key, reason=reason, fields={"body": report.proposal}).as_json()
    figures: Mapping[str, Any] = {"share of it that was served": round(echo.share, 2)} if echo.share else {}
    domain = item.domain if item is not None else subject.contract.domain if subject.contract is not None else None
    place = None
    if item is None:
        place = (
            ledger.Subject(type="contract", id=subject.contract.slug, label=subject.contract.name)
            if subject.contract is not None
            else ledger.Subject(type="feedback", id=fingerprint[:12], label=report.text[:80])
        )
    return Sighting(
        detector=DETECTOR,
        summary=f"{what}{about}: {report.text[:160]}",
        cause={"feedback": fingerprint},
        evidence=evidence(
            sentence=f"{said_by} reports: {report.text}",
            passages=passages,
            figures=figures,
            proposal=proposal,
            said=report.proposal or None,
        ),
        severity=Severity.HIGH if report.kind == FeedbackKind.CONTRADICTION else Severity.MEDIUM,
        item=item,
        domain=None if item is not None else domain,
        subject=place,
        owner=None if item is not None or domain is not None or subject.contract is None else subject.contract.owner,
    )


def _excerpts(actor: Principal, item: ContextItem) -> list[Excerpt]:
    version = ContextVersion.objects.visible_to(actor).filter(item=item).order_by("-number").first()
    if version is None:
        return []
    return [Excerpt(key=item.key, title=version.title, version=version.number, text=version.body[:2_000])]


def _sensitivity(actor: Principal, subject: _Subject) -> int:
    """Words about a text are as sensitive as it; those of an agent about no text, as what it may read."""
    levels = [each.sensitivity for each in (subject.item, subject.other) if each is not None]
    if subject.run is not None:
        levels.append(subject.run.sensitivity)
    return max(levels, default=actor.clearance if actor.kind == "agent" else Sensitivity.INTERNAL)


def _fingerprint(report: Report) -> str:
    return digest_of(
        {
            "kind": report.kind,
            "about": sorted((report.about, report.other)),
            "contract": report.contract,
            "run": str(report.run) if report.kind == FeedbackKind.OUTCOME and report.run else None,
            "outcome": report.outcome,
            "words": " ".join(words_of(report.text)),
            "proposal": " ".join(words_of(report.proposal)),
        }
    )


def _check(report: Report) -> None:
    check_storable([report.text, report.proposal, report.about, report.other, report.contract], field="text")
    if report.kind not in FeedbackKind.values:
        raise InvalidInput(
            "There is no such kind.", field="kind", limit=", ".join(FeedbackKind.values), fix="Choose one."
        )
    if not words_of(report.text):
        raise InvalidInput("text says nothing.", field="text", fix="Say what was missing, wrong or how it went.")
    for name, value, longest in (("text", report.text, LONGEST_TEXT), ("proposal", report.proposal, LONGEST_PROPOSAL)):
        if len(value) > longest:
            raise InvalidInput(f"{name} is too long.", field=name, limit=longest, fix="Shorten it.")
    if report.kind == FeedbackKind.CORRECTION and not report.about:
        raise InvalidInput("A correction is of a text.", field="about", fix="Name the item by its key.")
    if report.kind == FeedbackKind.CONTRADICTION and not (report.about and report.other):
        raise InvalidInput("A contradiction is between two texts.", field="other", fix="Name both items by their keys.")
    if report.kind == FeedbackKind.OUTCOME and report.outcome not in OUTCOMES:
        raise InvalidInput("There is no such outcome.", field="outcome", limit=", ".join(OUTCOMES), fix="Choose one.")
    if report.kind != FeedbackKind.OUTCOME and report.outcome:
        raise InvalidInput("Only an outcome has an outcome.", field="outcome", fix="Leave it out.")


def _tell(actor: Principal, feedback: Feedback, what: str, now: datetime) -> None:
    ledger.append(
        actor=actor,
        action=f"agents.feedback.{what}",
        subject=ledger.Subject(
            type="feedback", id=str(feedback.pk), label=feedback.get_kind_display(), sensitivity=feedback.sensitivity
        ),
        data={
            "kind": feedback.kind,
            "state": feedback.state,
            "served_share": feedback.served_share,
            "times": feedback.times,
            "finding": feedback.finding_id,
        },
        after=feedback.fingerprint,
        now=now,
    )
