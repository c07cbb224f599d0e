"""Pauses and resumes runs, and says what of their context changed meanwhile; must not change it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.authentication import AuthenticatedAgent
from agents.models import LeaseEnding, Run, RunBundle, RunLease, RunState
from agents.runs.following import rebase
from agents.runs.leases import hold
from agents.runs.moving import end_lease, move, tell
from agents.runs.steering import steering
from context.access import Principal
from context.digests import iso
from context.errors import Conflict, InvalidInput
from context.models import ContextVersion
from governance.audit import ledger

CHOICES = ("continue", "rebase", "person")


class ContextMoved(Conflict):
    """Texts that the run was given have changed since its snapshot: how to go on must be said."""

    type = "context-moved"
    title = "The run's context has changed"


@dataclass(frozen=True, kw_only=True, slots=True)
class MovedText:
    """A text of the run's bundles that is not in force as it was: `now_version` is None where it ended."""

    key: str
    title: str
    held_version: int
    now_version: int | None
    since: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "held_version": self.held_version,
            "now_version": self.now_version,
            "since": iso(self.since),
        }


def moved_texts(*, run: Run, principal: Principal, now: datetime) -> list[MovedText]:
    """What of the run's bundles has been superseded, has ended or was retired, as far as the principal may know it.

    By key. Three queries, whatever the number of texts.
    """
    version_ids: set[int] = set()
    for ids in RunBundle.objects.filter(run=run).values_list("bundle__version_ids", flat=True):
        version_ids.update(ids)
    return moved_versions(version_ids=version_ids, principal=principal, now=now)


def moved_versions(*, version_ids: Collection[int], principal: Principal, now: datetime) -> list[MovedText]:
    """The same of these versions. Two queries."""
    held = (
        ContextVersion.objects.visible_to(principal)
        .filter(pk__in=version_ids)
        .select_related("item__current_version")
        .order_by("item__key", "-number")
    )
    found: dict[str, MovedText] = {}
    for version in held:
        item = version.item
        if item.key in found:
            continue
        ended = min(
            (moment for moment in (version.valid_to, item.retired_at) if moment and moment <= now), default=None
        )
        if ended is not None:
            found[item.key] = MovedText(
                key=item.key, title=version.title, held_version=version.number, now_version=None, since=ended
            )
        elif version.superseded_at is not None and version.superseded_at <= now and item.current_version is not None:
            found[item.key] = MovedText(
                key=item.key,
                title=version.title,
                held_version=version.number,
                now_version=item.current_version.number,
                since=version.superseded_at,
            )
    return list(found.values())


def pause_run(*, agent: AuthenticatedAgent, run_id: UUID, token: str, reason: str, now: datetime) -> Run:
    """The agent lets go of its run until somebody resumes it; its steps stay."""
    _check_reason(reason)
    with transaction.atomic():
        run, lease = hold(agent=agent, run_id=run_id, token=token, now=now)
        _pause(actor=agent.principal, run=run, lease=lease, reason=reason, now=now)
    return run


def pause_run_of_another(*, actor: Principal, run_id: UUID, reason: str, now: datetime) -> Run:
    """A person pauses a run that waits or is at work; its agent's next report finds its lease ended."""
    _check_reason(reason)
    with steering(actor=actor, run_id=run_id, action="agents.run.pause", now=now) as run:
        lease = RunLease.objects.select_for_update().filter(run=run, ended_at__isnull=True).first()
        _pause(actor=actor, run=run, lease=lease, reason=reason, now=now)
    return run


def resume_run(*, actor: Principal, run_id: UUID, choice: str = "", now: datetime) -> Run:
    """Queue a paused run. Where its texts have changed since, `choice` must say how it goes on, else ContextMoved.

    `continue` stays at the old snapshot, `rebase` moves it to now, `person` leaves the run to a person.
    """
    check_choice(choice)
    with steering(actor=actor, run_id=run_id, action="agents.run.resume", now=now) as run:
        if run.state != RunState.PAUSED:
            raise Conflict("Only a paused run is resumed.", fix="Read the run again.")
        moved = moved_texts(run=run, principal=actor, now=now)
        require_choice(moved, choice)
        if choice == "rebase":
            rebase(run, now=now)
        run.not_before = now
        move(run=run, to=RunState.WAITS_FOR_PERSON if choice == "person" else RunState.QUEUED, now=now)
        run.save()
        entry = tell(
            actor=actor,
            run=run,
            what="resumed",
            now=now,
            choice=choice or "unchanged",
            moved=name_moved(moved),
        )
        ledger.append_all(actor=actor, entries=[entry], now=now)
    return run


def check_choice(choice: str) -> None:
    """Refuse what is no choice. None at all is one where nothing has changed."""
    if choice and choice not in CHOICES:
        raise InvalidInput("There is no such choice.", field="choice", limit=", ".join(CHOICES), fix="Choose one.")


def name_moved(moved: Sequence[MovedText]) -> list[dict[str, Any]]:
    """What had changed when it was chosen how to go on, for the event."""
    return [{"key": text.key, "held": text.held_version, "now": text.now_version} for text in moved]


def require_choice(moved: Sequence[MovedText], choice: str) -> None:
    """Raise ContextMoved, with what changed, where nobody has said how to go on."""
    if moved and not choice:
        raise ContextMoved(
            f"{len(moved)} {'text has' if len(moved) == 1 else 'texts have'} changed since this run began.",
            field="choice",
            limit=", ".join(CHOICES),
            fix="Say continue (at the old snapshot), rebase (to the texts of now) or person.",
            moved=[text.as_json() for text in moved],
        )


def _pause(*, actor: Principal, run: Run, lease: RunLease | None, reason: str, now: datetime) -> None:
    if lease is not None:
        end_lease(lease=lease, ending=LeaseEnding.PAUSED, now=now)
    move(run=run, to=RunState.PAUSED, now=now)
    run.attempt = max(run.attempt - 1, 0)
    run.reasons = [*run.reasons, {"cause": "paused", "detail": reason, "at": now.isoformat()}]
    run.save()
    ledger.append_all(actor=actor, entries=[tell(actor=actor, run=run, what="paused", now=now, reason=reason)], now=now)


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > 500 or "\x00" in reason:
        raise InvalidInput("A pause needs a reason.", field="reason", limit=500, fix="Say why.")
