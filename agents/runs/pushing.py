"""Sends runs to agents that do not claim them: one at a time, under a lease like any other; must not route."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from agents.authentication import AuthenticatedAgent
from agents.models import PushTarget, Run, RunState, Scope
from agents.routing.candidates import candidates_of
from agents.runs.budgets import stop_where_spent
from agents.runs.calling import CallFailed, Reply, Waiting, call
from agents.runs.contexts import give_bundle
from agents.runs.finishing import complete_run, fail_run
from agents.runs.following import tell_of
from agents.runs.leases import Claim, LeaseLost, heartbeat, keep_lease, lease_run
from agents.runs.present_task import present_task
from agents.runs.steps import StepReport, report_step
from agents.runs.trying_again import try_again
from context.access import SYSTEM
from context.errors import DomainError

log = logging.getLogger(__name__)

FAILURES_THAT_OPEN = 5
CIRCUIT_OPEN = timedelta(seconds=30)
# A lease outlives the call by this, so that what was answered in time can still be recorded.
MARGIN_SECONDS = 15
# Until an agent has answered, whoever carries its run says this often that they live. Where they were killed, the run
# goes to another after the second time, however long the agent may take.
KEPT_EVERY_SECONDS = 5.0
HEARD_WITHIN_SECONDS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Pushed:
    """A run in our own hands on its way to its agent."""

    agent: AuthenticatedAgent
    target: PushTarget
    claim: Claim


def push_next(*, now: datetime) -> bool:
    """Take the run that has waited longest for an agent that is pushed to, and send it; False where none can go now.

    Two workers at once take two runs. What a killed worker had in hand comes back when its lease expires.
    """
    with transaction.atomic():
        run = (
            Run.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("agent", "contract_version__contract")
            .filter(state=RunState.QUEUED, not_before__lte=now, agent__push__isnull=False)
            .filter(Q(agent__push__closed_until__isnull=True) | Q(agent__push__closed_until__lte=now))
            .order_by("not_before", "created_at", "pk")
            .first()
        )
        if run is None or run.agent is None:
            return False
        target = PushTarget.objects.get(agent=run.agent)
        pushed = _take(run=run, slug=run.agent.slug, target=target, now=now)
    if pushed is not None:
        try:
            _carry_out(pushed)
        except LeaseLost:
            log.info("run %s was taken back from its worker", run.pk)
    return True


def reached_as(slug: str) -> AuthenticatedAgent | None:
    """The agent with the rights it has now, as if it had presented a key; None where it is not sanctioned."""
    found = candidates_of([slug], load=False, budget=False).get(slug)
    if found is None or found.state != "sanctioned":
        return None
    return AuthenticatedAgent(
        principal=found.principal,
        slug=found.slug,
        key_id=0,
        key_prefix="",
        scopes=frozenset({Scope.RUNS_WRITE, Scope.BUNDLES_READ}),
        contracts=found.contracts,
    )


def _take(*, run: Run, slug: str, target: PushTarget, now: datetime) -> Pushed | None:
    """Lease the locked run; or move it on, where its agent was suspended or a budget is spent."""
    agent = reached_as(slug)
    if agent is not None:
        stopped = stop_where_spent(actor=SYSTEM, run=run, now=now)
        if stopped is not None:
            tell_of(actor=SYSTEM, run=run, entries=[stopped], now=now)
            return None
        seconds = target.timeout_seconds + MARGIN_SECONDS
        claim = lease_run(agent=agent, run=run, seconds=seconds, heard_within=HEARD_WITHIN_SECONDS, now=now)
        return Pushed(agent=agent, target=target, claim=claim)
    detail = "The agent is not sanctioned."
    entry = try_again(actor=SYSTEM, run=run, cause="agent_suspended", detail=detail, retryable=False, now=now)
    tell_of(actor=SYSTEM, run=run, entries=[entry], now=now)
    return None


def _carry_out(pushed: Pushed) -> None:
    """Bundle, call, steps, output: each recorded as it happens, so that nothing hangs on this process."""
    agent, run, token = pushed.agent, pushed.claim.run, pushed.claim.token
    now = timezone.now()
    try:
        served = give_bundle(agent=agent, run_id=run.pk, token=token, form="markdown", now=now)
    except LeaseLost:
        raise
    except DomainError as refusal:
        fail_run(
            agent=agent,
            run_id=run.pk,
            token=token,
            cause=refusal.type.replace("-", "_")[:60],
            detail=refusal.detail,
            retryable=False,
            now=now,
        )
        return
    # A model's answer changes nothing outside, so a new attempt is a new step; a webhook is one effect for the run.
    key = f"chat-{pushed.claim.lease.number}" if pushed.target.kind == PushTarget.Kind.MODEL else "webhook"
    operation = "chat" if pushed.target.kind == PushTarget.Kind.MODEL else "invoke_agent"
    begun = StepReport(key=key, operation=operation, name=agent.slug, state="started", input=present_task(run))
    if not run.steps.filter(key=key).exists():
        report_step(agent=agent, run_id=run.pk, token=token, report=begun, now=now)

    def keep() -> None:
        _reconnect()
        with contextlib.suppress(OperationalError):
            keep_lease(agent=agent, run_id=run.pk, token=token, heard_within=HEARD_WITHIN_SECONDS, now=timezone.now())

    waiting = Waiting(keep=keep, every=KEPT_EVERY_SECONDS)
    try:
        reply = call(target=pushed.target, claim=pushed.claim, bundle=served, waiting=waiting, now=timezone.now())
    except CallFailed as failure:
        _reconnect()
        _note_failure(pushed.target, now=timezone.now())
        _give_up(pushed, key=key, operation=operation, failure=failure)
        return
    _reconnect()
    _note_success(pushed.target)
    if reply is None:
        # The agent has taken it, and reports under the lease that it was told.
        heartbeat(agent=agent, run_id=run.pk, token=token, now=timezone.now())
    else:
        _hand_in(pushed, key=key, operation=operation, reply=reply)


def _reconnect() -> None:
    """The database may have been restarted while the agent took its time: what it answered is not thrown away."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def _hand_in(pushed: Pushed, *, key: str, operation: str, reply: Reply) -> None:
    agent, run, token, now = pushed.agent, pushed.claim.run, pushed.claim.token, timezone.now()
    done = StepReport(
        key=key,
        operation=operation,
        name=agent.slug,
        output=reply.output,
        model=reply.model,
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        cost=reply.cost,
        tool_calls=reply.tool_calls,
        attributes=reply.attributes,
    )
    report_step(agent=agent, run_id=run.pk, token=token, report=done, now=now)
    complete_run(agent=agent, run_id=run.pk, token=token, output=reply.output, now=now)


def _give_up(pushed: Pushed, *, key: str, operation: str, failure: CallFailed) -> None:
    agent, run, token, now = pushed.agent, pushed.claim.run, pushed.claim.token, timezone.now()
    if pushed.target.kind == PushTarget.Kind.MODEL:
        told = {"cause": failure.cause, "detail": failure.detail}
        failed = StepReport(key=key, operation=operation, name=agent.slug, state="failed", error=told)
        report_step(agent=agent, run_id=run.pk, token=token, report=failed, now=now)
    fail_run(
        agent=agent,
        run_id=run.pk,
        token=token,
        cause=failure.cause,
        detail=failure.detail,
        retryable=failure.retryable,
        now=now,
    )


def _note_failure(target: PushTarget, *, now: datetime) -> None:
    """Count it; from the fifth in a row on, leave the agent alone for a while. One run then tries it."""
    PushTarget.objects.filter(pk=target.pk).update(failures=F("failures") + 1)
    PushTarget.objects.filter(pk=target.pk, failures__gte=FAILURES_THAT_OPEN).update(closed_until=now + CIRCUIT_OPEN)


def _note_success(target: PushTarget) -> None:
    PushTarget.objects.filter(pk=target.pk).exclude(failures=0, closed_until=None).update(failures=0, closed_until=None)
