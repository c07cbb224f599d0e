"""Opens recall cases and settles their entries one by one: run again, or accepted as it is; must not judge which."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from agents.models import AgentState, Decision, RecallCase, RecallEntry, RecallEntryState, Run
from agents.recall.tracing import agents_that_received, runs_that_used
from agents.routing.asking import Question
from agents.runs.starting import Assignment, RunOrder, open_run, start_run
from context.access import SYSTEM, Principal, principal_for
from context.digests import check_storable
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import ContextVersion, Role, User
from context.row_security import reading_as
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.models import NotificationKind
from governance.notifying import notify

LONGEST_REASON = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A case as it was opened: how many runs and agents it names."""

    case: RecallCase
    runs: int
    agents: int


def open_case(*, actor: User, key: str, number: int, reason: str, now: datetime) -> Opened:
    """Open a case for a version: one entry for each run that was given it, one for each agent that had it besides.

    For who answers for the item. The owners of the agents are told. Of a version only one case is open at a time.
    """
    principal = principal_for(actor)
    _check_reason(reason, "reason")
    with reading_as(principal):
        version = (
            ContextVersion.objects.visible_to(principal)
            .select_related("item__domain")
            .filter(item__key=key, number=number)
            .first()
        )
    if version is None:
        raise NotFound("There is no such version.", field="version")
    subject = _subject(version)
    with (
        denials_recorded(actor=principal, action="agents.recall.open", subject=lambda: subject, now=now),
        transaction.atomic(),
    ):
        _require_right(principal, version)
        if RecallCase.objects.select_for_update().filter(version=version, closed_at__isnull=True).exists():
            raise Conflict("A case is open for this version.", fix="Go on with that one.")
        case = RecallCase.objects.create(version=version, reason=reason, opened_by=actor, opened_at=now)
        used = runs_that_used(version_id=version.pk, principal=SYSTEM)
        received = agents_that_received(version_id=version.pk)
        in_runs = {each.agent.pk for each in used}
        entries = [
            RecallEntry(
                case=case,
                agent=each.agent,
                run=each.run,
                first_given_at=each.first_given_at,
                last_given_at=each.last_given_at,
            )
            for each in used
        ]
        entries += [
            RecallEntry(
                case=case,
                agent=each.agent,
                first_given_at=each.first_given_at,
                last_given_at=each.last_given_at,
                times=each.times,
            )
            for each in received
            if each.agent.pk not in in_runs
        ]
        RecallEntry.objects.bulk_create(entries)
        owners = {each.agent.owner_id for each in received} | {each.agent.owner_id for each in used}
        notify(
            people=sorted(owners),
            kind=NotificationKind.FINDING_OPENED,
            subject=subject,
            text=f"Version {version.number} of “{version.title}”, which your agents used, is recalled: {reason}"[:600],
            url=f"/recalls/{case.pk}/",
            now=now,
            but_not=actor.pk,
        )
        ledger.append(
            actor=principal,
            action="agents.recall.opened",
            subject=subject,
            data={"case": case.pk, "version": version.number, "reason": reason, "entries": len(entries)},
            after=version.digest,
            now=now,
        )
        if not entries:
            _close(case, actor=actor, now=now)
    return Opened(case=case, runs=len(used), agents=len(entries) - len(used))


def accept_entry(*, actor: User, entry_id: int, note: str, now: datetime) -> RecallEntry:
    """Settle an entry: what came of it may stand, for the reason in `note`."""
    _check_reason(note, "note")
    return _settle(actor=actor, entry_id=entry_id, state=RecallEntryState.ACCEPTED, note=note, now=now)


def rerun_entry(*, actor: User, entry_id: int, note: str = "", now: datetime) -> RecallEntry:
    """Settle the entry of a run by giving its task out again, by the rules and texts of now."""
    if len(note) > LONGEST_REASON:
        raise InvalidInput("The note is too long.", field="note", limit=LONGEST_REASON, fix="Shorten it.")
    return _settle(actor=actor, entry_id=entry_id, state=RecallEntryState.RERUN, note=note, now=now)


def visible_cases(principal: Principal) -> list[RecallCase]:
    """The cases of texts they may read and answer for, or of their agents; all for who administers or audits."""
    with reading_as(principal):
        versions = ContextVersion.objects.visible_to(principal).values("pk")
        cases = list(
            RecallCase.objects.filter(version__in=versions)
            .select_related("version__item__domain", "opened_by")
            .order_by("-opened_at", "-pk")[:500]
        )
    if principal.has_role(Role.ADMINISTRATOR) or principal.has_role(Role.AUDITOR):
        return cases
    return [case for case in cases if _answers_for(principal, case.version) or _owns_an_agent(principal, case)]


def _settle(*, actor: User, entry_id: int, state: RecallEntryState, note: str, now: datetime) -> RecallEntry:
    principal = principal_for(actor)
    found = RecallEntry.objects.select_related("case__version__item__domain").filter(pk=entry_id).first()
    if found is None or found.case not in visible_cases(principal):
        raise NotFound("There is no such entry.")
    subject = _subject(found.case.version)
    with (
        denials_recorded(actor=principal, action="agents.recall.settle", subject=lambda: subject, now=now),
        transaction.atomic(),
    ):
        case = RecallCase.objects.select_for_update().get(pk=found.case_id)
        entry = RecallEntry.objects.select_related("agent", "run__agent").get(pk=entry_id)
        if not (_answers_for(principal, found.case.version) or entry.agent.owner_id == actor.pk):
            raise NotPermitted(
                "Only who answers for the text or owns the agent settles this.", fix="Ask the agent's owner."
            )
        if entry.state != RecallEntryState.OPEN:
            raise Conflict("The entry is settled already.", fix="Read the case again.")
        if state == RecallEntryState.RERUN:
            if entry.run is None:
                raise InvalidInput(
                    "The agent had the text outside a run.", field="entry", fix="Ask its owner, and accept the entry."
                )
            entry.new_run = _again(principal, actor, entry.run, now)
        entry.state, entry.note, entry.settled_by, entry.settled_at = state, note, actor, now
        entry.save()
        if not case.entries.filter(state=RecallEntryState.OPEN).exists():
            _close(case, actor=actor, now=now)
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


def _again(principal: Principal, actor: User, run: Run, now: datetime) -> Run:
    """The same task, routed anew where it was routed, else for the same agent under its contract as it is now."""
    order = RunOrder(task_type=run.task_type, task=run.task, domain=run.domain, most_attempts=run.most_attempts)
    decisions = Decision.objects.select_related("rule_set_version__rule_set").filter(run=str(run.pk))
    first = decisions.order_by("pk").first()
    if first is not None:
        question = Question(task=run.task, task_type=run.task_type, rule_set=first.rule_set_version.rule_set.slug)
        return start_run(actor=principal, name=actor.username, question=question, order=order, now=now)
    terms = run.contract_version.contract.current_version if run.contract_version is not None else None
    if run.agent is None or run.agent.state != AgentState.SANCTIONED or terms is None:
        raise Conflict("The run's agent is no longer there.", fix="Start a run by the rules instead.")
    return open_run(
        actor=principal, order=order, assignment=Assignment(agent=run.agent, contract_version=terms), now=now
    )


def _close(case: RecallCase, *, actor: User, now: datetime) -> None:
    case.closed_by, case.closed_at = actor, now
    case.save(update_fields=["closed_by", "closed_at"])


def _answers_for(principal: Principal, version: ContextVersion) -> bool:
    item = version.item
    return (
        item.owner_id == principal.id
        or principal.has_role(Role.ADMINISTRATOR)
        or any(principal.has_role(role, item.domain_id) for role in (Role.STEWARD, "domain_owner"))
        or item.stewards.filter(pk=principal.id).exists()
    )


def _owns_an_agent(principal: Principal, case: RecallCase) -> bool:
    return case.entries.filter(agent__owner=principal.id).exists()


def _require_right(principal: Principal, version: ContextVersion) -> None:
    if not _answers_for(principal, version):
        raise NotPermitted(
            "Only who answers for the text recalls it: its owner, a steward, the domain's owner or an administrator.",
            fix="Ask the owner of the text.",
        )


def _subject(version: ContextVersion) -> ledger.Subject:
    return ledger.Subject(type="item", id=version.item.key, label=version.title, sensitivity=version.item.sensitivity)


def _check_reason(text: str, name: str) -> None:
    check_storable(text, field=name)
    if not text.strip() or len(text) > LONGEST_REASON:
        raise InvalidInput(f"{name} is empty or too long.", field=name, limit=LONGEST_REASON, fix="Say why.")
