"""Gives queued runs to their agents under a lease, and takes back what is not heard of; must not judge results."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from agents.authentication import AuthenticatedAgent
from agents.models import LeaseEnding, Run, RunLease, RunState, Scope
from agents.runs.budgets import stop_where_spent
from agents.runs.following import tell_of
from agents.runs.moving import end_lease, move, tell
from agents.runs.trying_again import try_again
from context.access import SYSTEM
from context.errors import Conflict, InvalidInput, NotFound
from governance.audit import ledger

SHORTEST_LEASE = 5
DEFAULT_LEASE = 60
LONGEST_LEASE = 3_600
TAKEN_BACK_AT_ONCE = 100
STOPPED_AT_ONCE = 100
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class LeaseLost(Conflict):
    """The lease has ended or is another's: the work belongs to whoever holds the run now."""

    type = "lease-lost"
    title = "The lease is not held any more"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A run in an agent's hands. `token` is known only now; every report must carry it."""

    run: Run
    lease: RunLease
    token: str

    def __repr__(self) -> str:
        return f"Claim({self.run}, lease {self.lease.number})"


def claim_run(*, agent: AuthenticatedAgent, lease_seconds: int = DEFAULT_LEASE, now: datetime) -> Claim | None:
    """The agent's longest-waiting run under a new lease; None where nothing waits for it.

    Runs whose lease has expired are taken back first; those whose budget is spent go to a person, not to the agent.
    Two claims at once get two runs, or one run and None.
    """
    agent.require(Scope.RUNS_WRITE)
    if not SHORTEST_LEASE <= lease_seconds <= LONGEST_LEASE:
        raise InvalidInput(
            f"A lease lasts {SHORTEST_LEASE} to {LONGEST_LEASE} seconds.",
            field="lease_seconds",
            limit=LONGEST_LEASE,
            fix="Ask for less, and send heartbeats.",
        )
    take_back_expired(now=now, agent_id=agent.principal.id)
    waiting = Run.objects.filter(agent=agent.principal.id, state=RunState.QUEUED, not_before__lte=now)
    for _ in range(STOPPED_AT_ONCE):
        with transaction.atomic():
            run = (
                waiting.select_for_update(skip_locked=True, of=("self",))
                .select_related("agent", "contract_version__contract")
                .order_by("not_before", "created_at", "pk")
                .first()
            )
            if run is None:
                return None
            stopped = stop_where_spent(actor=SYSTEM, run=run, now=now)
            if stopped is None:
                return lease_run(agent=agent, run=run, seconds=lease_seconds, now=now)
            tell_of(actor=SYSTEM, run=run, entries=[stopped], now=now)
    return None


def lease_run(
    *, agent: AuthenticatedAgent, run: Run, seconds: int, now: datetime, heard_within: int | None = None
) -> Claim:
    """Put a queued run, locked by the caller, under a lease. Appends its event: the last thing in the transaction.

    With `heard_within` it ends after so many seconds already, unless it is kept (`keep_lease`) or prolonged.
    """
    token = secrets.token_urlsafe(32)
    lease = RunLease.objects.create(
        run=run,
        number=run.leases.count() + 1,
        agent_id=agent.principal.id,
        key_prefix=agent.key_prefix,
        token_sha256=_hash(token),
        seconds=seconds,
        claimed_at=now,
        heard_at=now,
        expires_at=now + timedelta(seconds=min(seconds, heard_within or seconds)),
    )
    move(run=run, to=RunState.RUNNING, now=now)
    run.attempt += 1
    run.save(update_fields=["state", "attempt", "changed_at"])
    entry = tell(actor=agent.principal, run=run, what="claimed", now=now, lease=lease.number, key=agent.key_prefix)
    ledger.append_all(actor=agent.principal, entries=[entry], now=now)
    return Claim(run=run, lease=lease, token=token)


def hold(*, agent: AuthenticatedAgent, run_id: UUID, token: str, now: datetime) -> tuple[Run, RunLease]:
    """The run, locked, and the live lease that the token is of. Inside a transaction.

    A run that the agent never had does not exist for it; a lease that has ended or expired raises LeaseLost.
    """
    agent.require(Scope.RUNS_WRITE)
    run = (
        Run.objects.visible_to(agent.principal)
        .select_for_update(of=("self",))
        .select_related("agent", "contract_version__contract")
        .filter(pk=run_id)
        .first()
    )
    if run is None:
        raise NotFound("There is no such run.")
    lease = RunLease.objects.select_for_update().filter(run=run, ended_at__isnull=True).first()
    if (
        lease is None
        or lease.agent_id != agent.principal.id
        or not _TOKEN.fullmatch(token)
        or not hmac.compare_digest(lease.token_sha256, _hash(token))
    ):
        raise LeaseLost("This lease has ended.", field="lease_token", fix="Stop working on the run, and claim again.")
    if lease.expires_at <= now:
        raise LeaseLost("This lease has expired.", field="lease_token", fix="Claim again, and send heartbeats in time.")
    return run, lease


def heartbeat(*, agent: AuthenticatedAgent, run_id: UUID, token: str, now: datetime) -> RunLease:
    """Prolong the lease by its length. The run behind it says whether somebody asked to cancel it."""
    with transaction.atomic():
        _, lease = hold(agent=agent, run_id=run_id, token=token, now=now)
        lease.heard_at, lease.expires_at = now, now + timedelta(seconds=lease.seconds)
        lease.save(update_fields=["heard_at", "expires_at"])
    return lease


def keep_lease(*, agent: AuthenticatedAgent, run_id: UUID, token: str, heard_within: int, now: datetime) -> RunLease:
    """Say that whoever carries the run to its agent lives: the lease is good for so many seconds from now."""
    with transaction.atomic():
        _, lease = hold(agent=agent, run_id=run_id, token=token, now=now)
        lease.heard_at, lease.expires_at = now, now + timedelta(seconds=heard_within)
        lease.save(update_fields=["heard_at", "expires_at"])
    return lease


def take_back_expired(*, now: datetime, agent_id: int | None = None) -> int:
    """Return runs whose lease has expired to the queue, a fallback or a person; how many. For claims and a schedule."""
    expired = RunLease.objects.filter(ended_at__isnull=True, expires_at__lte=now)
    if agent_id is not None:
        expired = expired.filter(agent=agent_id)
    taken = 0
    for run_id in list(expired.order_by("expires_at").values_list("run_id", flat=True)[:TAKEN_BACK_AT_ONCE]):
        taken += _take_back(run_id=run_id, now=now)
    return taken


def _take_back(*, run_id: UUID, now: datetime) -> bool:
    with transaction.atomic():
        run = (
            Run.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("agent", "contract_version__contract")
            .filter(pk=run_id, state=RunState.RUNNING)
            .first()
        )
        # Judged again under the lock: a heartbeat may have come in between.
        lease = (
            RunLease.objects.select_for_update().filter(run=run_id, ended_at__isnull=True, expires_at__lte=now).first()
        )
        if run is None or lease is None:
            return False
        end_lease(lease=lease, ending=LeaseEnding.EXPIRED, now=now)
        entry = try_again(
            actor=SYSTEM,
            run=run,
            cause="lease_expired",
            detail=f"Nothing was heard of the agent for {lease.seconds} seconds.",
            now=now,
        )
        tell_of(actor=SYSTEM, run=run, entries=[entry], now=now)
    return True


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
