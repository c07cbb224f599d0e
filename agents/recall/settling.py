"""Settles what a recalled version touched, one by one: run again, or accepted as it is; must not judge which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from agents.held_contracts import held_contract
from agents.models import Decision, RecallCase, RecallEntry, RecallEntryState, Run
from agents.recall.cases import LONGEST_REASON, check_said, close, find_case, subject_of
from agents.recall.rights import answers_for, may_settle
from agents.routing.asking import Question
from agents.runs.reading import may_read
from agents.runs.starting import Assignment, RunOrder, open_run, start_run
from context.access import Principal, principal_for
from context.digests import check_storable
from context.errors import Conflict, DomainError, InvalidInput, NotFound, NotPermitted
from context.models import User
from governance.audit import ledger
from governance.audit.attempts import denials_recorded

MOST_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """What came of one entry of several: `error` is None where it was settled."""

    entry_id: int
    error: DomainError | None


def accept_entry(*, actor: User, entry_id: int, note: str, now: datetime) -> RecallEntry:
    """Settle an entry: what came of it may stand, for the reason in `note`."""
    check_said(note, "note")
    return _settle(actor=actor, entry_id=entry_id, state=RecallEntryState.ACCEPTED, note=note, now=now)


def rerun_entry(*, actor: User, entry_id: int, note: str = "", now: datetime) -> RecallEntry:
    """Settle the entry of a run by giving its task out again, by the rules and texts of now.

    For who may read the run as well: the new one is theirs, with its task.
    """
    check_storable(note, field="note")
    if len(note) > LONGEST_REASON:
        raise InvalidInput("The note is too long.", field="note", limit=LONGEST_REASON, fix="Shorten it.")
    return _settle(actor=actor, entry_id=entry_id, state=RecallEntryState.RERUN, note=note, now=now)


def settle_entries(
    *, actor: User, case_id: int, entry_ids: Sequence[int], state: str, note: str, now: datetime
) -> list[Settled]:
    """Settle several entries of a case alike, each by itself: what cannot be settled says why and stops no other."""
    if state not in (RecallEntryState.ACCEPTED, RecallEntryState.RERUN):
        raise InvalidInput("There is no such choice.", field="state", limit="accepted, rerun", fix="Choose one.")
    wanted = list(dict.fromkeys(entry_ids))
    if not 1 <= len(wanted) <= MOST_AT_ONCE:
        raise InvalidInput(
            "Choose at least one entry, and not too many at once.", field="entries", limit=MOST_AT_ONCE,
            fix=f"Choose 1 to {MOST_AT_ONCE} entries.",
        )  # fmt: skip
    if state == RecallEntryState.ACCEPTED:
        check_said(note, "note")
    case = find_case(principal=principal_for(actor), case_id=case_id)
    known = set(case.entries.filter(pk__in=wanted).values_list("pk", flat=True))
    done = []
    for entry_id in wanted:
        error: DomainError | None = None
        try:
            if entry_id not in known:
                raise NotFound("There is no such entry in this case.", field="entries")
            if state == RecallEntryState.ACCEPTED:
                accept_entry(actor=actor, entry_id=entry_id, note=note, now=now)
            else:
                rerun_entry(actor=actor, entry_id=entry_id, note=note, now=now)
        except DomainError as raised:
            error = raised
        done.append(Settled(entry_id=entry_id, error=error))
    return done


def _settle(*, actor: User, entry_id: int, state: RecallEntryState, note: str, now: datetime) -> RecallEntry:
    principal = principal_for(actor)
    at = RecallEntry.objects.filter(pk=min(entry_id, 2**63 - 1)).values_list("case", flat=True).first()
    if at is None:
        raise NotFound("There is no such entry.")
    found = find_case(principal=principal, case_id=at)
    answers = answers_for(principal, found.version)
    seen = RecallEntry.objects.visible_to(principal, found, answers=answers).filter(pk=entry_id)
    if not seen.exists():
        raise NotFound("There is no such entry.")
    subject = subject_of(found.version)
    with (
        denials_recorded(actor=principal, action="agents.recall.settle", subject=lambda: subject, now=now),
        transaction.atomic(),
    ):
        case = RecallCase.objects.select_for_update().get(pk=at)
        entry = RecallEntry.objects.select_related("agent").get(pk=entry_id)
        if not may_settle(principal, entry, answers=answers):
            raise NotPermitted(
                "Only who answers for the text or owns the agent settles this.", fix="Ask the agent's owner."
            )
        if entry.state != RecallEntryState.OPEN:
            raise Conflict("The entry is settled already.", fix="Read the case again.")
        if state == RecallEntryState.RERUN:
            entry.new_run = _again(principal, actor, _run_to_repeat(principal, entry), now)
        entry.state, entry.note, entry.settled_by, entry.settled_at = state, note, actor, now
        entry.save()
        if not case.entries.filter(state=RecallEntryState.OPEN).exists():
            close(case, actor=actor, now=now)
        ledger.append(
            actor=principal,
            action=f"agents.recall.{state}",
            subject=subject,
            data={
                "case": case.pk,
                "run": str(entry.run_id) if entry.run_id else None,
                "agent": entry.agent.slug,
                "new_run": str(entry.new_run_id) if entry.new_run_id else None,
                "note": note or None,
                "closed": case.closed_at is not None,
            },
            now=now,
        )
    return entry


def _run_to_repeat(principal: Principal, entry: RecallEntry) -> Run:
    """The run, for who may read its task: whoever starts it again is shown it."""
    if entry.run_id is None:
        raise InvalidInput(
            "The agent had the text outside a run.", field="entry", fix="Ask its owner, and accept the entry."
        )
    runs = Run.objects.visible_to(principal).select_related("agent", "contract_version__contract", "domain")
    run = runs.filter(pk=entry.run_id).first()
    if run is None or not may_read(principal=principal, run=run):
        raise NotPermitted(
            "The task of this run is not yours to read, so you cannot give it out again.",
            fix="Its agent's owner runs it again.",
        )
    return run


def _again(principal: Principal, actor: User, run: Run, now: datetime) -> Run:
    """The same task, routed anew where it was routed, else for the same agent under its contract as it is now."""
    order = RunOrder(task_type=run.task_type, task=run.task, domain=run.domain, most_attempts=run.most_attempts)
    decisions = Decision.objects.select_related("rule_set_version__rule_set").filter(run=str(run.pk))
    first = decisions.order_by("pk").first()
    if first is not None:
        question = Question(task=run.task, task_type=run.task_type, rule_set=first.rule_set_version.rule_set.slug)
        return start_run(actor=principal, name=actor.username, question=question, order=order, now=now)
    was = (run.agent.slug, run.contract_version.contract.slug) if run.agent and run.contract_version else ("", "")
    held = held_contract(agent=was[0], contract=was[1])
    if held is None:
        raise Conflict("The run's agent no longer holds its contract.", fix="Start a run by the rules instead.")
    assignment = Assignment(agent=held[0], contract_version=held[1])
    return open_run(actor=principal, order=order, assignment=assignment, now=now)
