"""Opens recall cases, takes in what used the version since, and tells the owners of agents; must not settle entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from agents.models import Agent, RecallCase, RecallEntry
from agents.recall.rights import answers_for, require_right
from agents.recall.tracing import Footprint, Use, footprint_of, uses_of
from context.access import Principal, principal_for
from context.digests import check_storable
from context.errors import Conflict, InvalidInput, NotFound
from context.models import ContextVersion, User
from context.row_security import reading_as
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.models import NotificationKind
from governance.notifying import notify

LONGEST_REASON = 2_000
AT_ONCE = 1_000
SAID_OF_REASON = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A case as it was opened: how many runs it names, and how many agents that had the text outside a run."""

    case: RecallCase
    runs: int
    agents: int


def find_version(*, principal: Principal, key: str, number: int) -> ContextVersion:
    """The version of that number, read as the principal; what they may not read does not exist."""
    with reading_as(principal):
        version = (
            ContextVersion.objects.visible_to(principal)
            .select_related("item__domain", "item__owner")
            .filter(item__key=key[:200], number=min(max(number, 0), 2**31 - 1))
            .first()
        )
    if version is None:
        raise NotFound("There is no such version.", field="version")
    return version


def open_case(*, actor: User, key: str, number: int, reason: str, now: datetime) -> Opened:
    """Open a case for a version: one entry for each run that was given it, one for each agent that had it besides.

    For who answers for the item. The owners of the agents are told. Of a version only one case is open at a time; a
    case without an entry is closed as it is opened.
    """
    principal = principal_for(actor)
    check_said(reason, "reason")
    version = find_version(principal=principal, key=key, number=number)
    subject = subject_of(version)
    with (
        denials_recorded(actor=principal, action="agents.recall.open", subject=lambda: subject, now=now),
        transaction.atomic(),
    ):
        require_right(principal, version)
        try:
            with transaction.atomic():
                case = RecallCase.objects.create(version=version, reason=reason, opened_by=actor, opened_at=now)
        except IntegrityError as error:
            # Of two that open at once, the database lets one through.
            raise Conflict("A case is open for this version.", fix="Go on with that one.") from error
        entries = _enter(case, uses_of(version_id=version.pk), actor=actor, now=now)
        if not entries:
            close(case, actor=actor, now=now)
        ledger.append(
            actor=principal,
            action="agents.recall.opened",
            subject=subject,
            data={"case": case.pk, "version": version.number, "reason": reason, "entries": len(entries)},
            after=version.digest,
            now=now,
        )
    runs = sum(1 for entry in entries if entry.run_id is not None)
    return Opened(case=case, runs=runs, agents=len(entries) - runs)


def trace(*, principal: Principal, version: ContextVersion, now: datetime) -> Footprint:
    """What a version touched, in figures, for who may open a case about it."""
    subject = subject_of(version)
    with denials_recorded(actor=principal, action="agents.recall.trace", subject=lambda: subject, now=now):
        require_right(principal, version)
    return footprint_of(version_id=version.pk)


def later_uses(*, case: RecallCase) -> list[Use]:
    """What was given the version and is not in the case."""
    known = set(case.entries.values_list("agent", "run"))
    return [use for use in uses_of(version_id=case.version_id) if (use.agent_id, use.run_id) not in known]


def extend_case(*, actor: User, case_id: int, now: datetime) -> int:
    """Take in what used the version after the case was opened. How many entries came; the owners are told."""
    principal = principal_for(actor)
    found = find_case(principal=principal, case_id=case_id)
    subject = subject_of(found.version)
    with (
        denials_recorded(actor=principal, action="agents.recall.extend", subject=lambda: subject, now=now),
        transaction.atomic(),
    ):
        require_right(principal, found.version)
        case = RecallCase.objects.select_for_update().get(pk=found.pk)
        case.version = found.version
        if case.closed_at is not None:
            raise Conflict("The case is closed.", fix="Open another for this version.")
        entries = _enter(case, later_uses(case=case), actor=actor, now=now)
        if not entries:
            raise Conflict("Nothing has used the version since.", fix="Go on with the entries there are.")
        ledger.append(
            actor=principal,
            action="agents.recall.extended",
            subject=subject,
            data={"case": case.pk, "version": case.version.number, "entries": len(entries)},
            now=now,
        )
    return len(entries)


def find_case(*, principal: Principal, case_id: int) -> RecallCase:
    """The case, if it is the principal's to see. Read it as the principal."""
    with reading_as(principal):
        found = (
            RecallCase.objects.visible_to(principal)
            .select_related("version__item__domain", "version__item__owner", "opened_by", "closed_by")
            .filter(pk=min(case_id, 2**63 - 1))
            .first()
        )
    if found is None:
        raise NotFound("There is no such case.")
    return found


def entries_of(*, principal: Principal, case: RecallCase) -> list[RecallEntry]:
    """What the principal may see of a case, in its order."""
    answers = answers_for(principal, case.version)
    return list(RecallEntry.objects.visible_to(principal, case, answers=answers).select_related("agent").order_by("pk"))


def close(case: RecallCase, *, actor: User, now: datetime) -> None:
    case.closed_by, case.closed_at = actor, now
    case.save(update_fields=["closed_by", "closed_at"])


def subject_of(version: ContextVersion) -> ledger.Subject:
    return ledger.Subject(type="item", id=version.item.key, label=version.title, sensitivity=version.item.sensitivity)


def check_said(text: str, name: str) -> None:
    """Refuse a reason or note that is empty, too long or not to be stored."""
    check_storable(text, field=name)
    if not text.strip() or len(text) > LONGEST_REASON:
        raise InvalidInput(f"{name} is empty or too long.", field=name, limit=LONGEST_REASON, fix="Say why.")


def _enter(case: RecallCase, uses: Iterable[Use], *, actor: User, now: datetime) -> list[RecallEntry]:
    """The entries of these uses, written, with each owner told once how many of theirs there are."""
    entries = [
        RecallEntry(
            case=case,
            agent_id=use.agent_id,
            run_id=use.run_id,
            first_given_at=use.first_given_at,
            last_given_at=use.last_given_at,
            times=use.times,
            told_at=now,
        )
        for use in uses
    ]
    RecallEntry.objects.bulk_create(entries, batch_size=AT_ONCE)
    owners = dict(Agent.objects.filter(pk__in={entry.agent_id for entry in entries}).values_list("pk", "owner"))
    version = case.version
    for owner, count in sorted(Counter(owners[entry.agent_id] for entry in entries).items()):
        used = "a run or agent of yours" if count == 1 else f"{count} runs and agents of yours"
        notify(
            people=[owner],
            kind=NotificationKind.FINDING_OPENED,
            subject=subject_of(version),
            text=f"Version {version.number} of “{version.title[:120]}”, which {used} used, is recalled: "
            f"{case.reason[:SAID_OF_REASON]}",
            url=f"/recalls/{case.pk}/",
            now=now,
            but_not=actor.pk,
        )
    return entries
