"""Ends an agent's work on a run: completed, failed, handed off or cancelled; must not dispatch what follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.authentication import AuthenticatedAgent
from agents.held_contracts import held_contract
from agents.models import ContractVersion, HandOff, LeaseEnding, Run, RunLease, RunState
from agents.runs.following import rebase, tell_of
from agents.runs.leases import LeaseLost, hold
from agents.runs.moving import end_lease, move, tell
from agents.runs.outputs import OutputVerdict, judge_output
from agents.runs.pausing import check_choice, moved_texts, name_moved, require_choice
from agents.runs.present_task import present_task
from agents.runs.steering import steering
from agents.runs.trying_again import try_again
from context import kinds
from context.access import Principal
from context.digests import canonical, check_storable, digest_of
from context.errors import Conflict, InvalidInput, NotFound
from governance.audit import ledger

LARGEST_OUTPUT_BYTES = 1_048_576
TIMES_SENT_BACK = 1
MOST_HAND_OFFS = 20


class HandedOffTooOften(Conflict):
    """The run has been passed on so often that nobody seems to take it."""

    type = "handed-off-too-often"
    title = "The run was handed off too often"


def complete_run(
    *,
    agent: AuthenticatedAgent,
    run_id: UUID,
    token: str,
    output: Any,
    now: datetime,
    judge: Callable[..., OutputVerdict] = judge_output,
) -> Run:
    """Take the output of a run. Sending the same output again under the same lease answers the same.

    An output that breaks the contract's schema or checks goes back once with the reasons, then to a person.
    """
    check_storable(output, field="output")
    if len(canonical(output)) > LARGEST_OUTPUT_BYTES:
        raise InvalidInput(
            f"output is larger than {LARGEST_OUTPUT_BYTES} bytes.",
            field="output",
            limit=LARGEST_OUTPUT_BYTES,
            fix="Store what is large elsewhere, and send where it is.",
        )
    digest = digest_of(output)
    with transaction.atomic():
        try:
            run, lease = hold(agent=agent, run_id=run_id, token=token, now=now)
        except LeaseLost:
            repeated = _completed_with(agent=agent, run_id=run_id, digest=digest)
            if repeated is None:
                raise
            return repeated
        verdict = judge(run=run, output=output, agent=agent, now=now)
        run.output, run.output_digest = output, digest
        entry = _settle(agent=agent, run=run, lease=lease, verdict=verdict, digest=digest, now=now)
        tell_of(actor=agent.principal, run=run, entries=[entry], now=now)
    return run


def _settle(
    *, agent: AuthenticatedAgent, run: Run, lease: RunLease, verdict: OutputVerdict, digest: str, now: datetime
) -> ledger.Entry:
    """Where the judged output sends the run. Saves both; the event to append."""
    reasons = [failing.as_json() for failing in verdict.failing]
    told = [failing.as_json() for failing in verdict.told]
    if reasons and run.times_sent_back < TIMES_SENT_BACK:
        end_lease(lease=lease, ending=LeaseEnding.COMPLETED, now=now)
        run.times_sent_back += 1
        run.reasons = [*run.reasons, *({"cause": "output_check", "at": now.isoformat(), **each} for each in reasons)]
        run.attempt, run.not_before = max(run.attempt - 1, 0), now
        move(run=run, to=RunState.QUEUED, now=now)
        run.save()
        return tell(actor=agent.principal, run=run, what="sent_back", now=now, after=digest, reasons=reasons)
    end_lease(lease=lease, ending=LeaseEnding.COMPLETED, now=now)
    noted = ({"cause": "output_check", "at": now.isoformat(), **each} for each in (*reasons, *told))
    run.reasons = [*run.reasons, *noted]
    to = RunState.IN_REVIEW if reasons or verdict.review_because else RunState.SUCCEEDED
    move(run=run, to=to, now=now)
    run.save()
    what = "completed" if to == RunState.SUCCEEDED else "sent_to_review"
    return tell(
        actor=agent.principal,
        run=run,
        what=what,
        now=now,
        after=digest,
        reasons=reasons,
        because=verdict.review_because,
    )


def _completed_with(*, agent: AuthenticatedAgent, run_id: UUID, digest: str) -> Run | None:
    """The run, where this agent's last lease of it ended with this very output."""
    lease = RunLease.objects.filter(run=run_id).order_by("-number").first()
    run = Run.objects.visible_to(agent.principal).select_related("agent").filter(pk=run_id).first()
    if (
        run is not None
        and lease is not None
        and lease.agent_id == agent.principal.id
        and lease.ending == LeaseEnding.COMPLETED
        and run.output_digest == digest
    ):
        return run
    return None


def fail_run(
    *, agent: AuthenticatedAgent, run_id: UUID, token: str, cause: str, detail: str, retryable: bool, now: datetime
) -> Run:
    """The agent gives up: tried again with growing waits, then by the next fallback, then left to a person."""
    for name, value, longest in (("cause", cause, 60), ("detail", detail, 2_000)):
        check_storable(value, field=name)
        if not value.strip() or len(value) > longest:
            raise InvalidInput(f"{name} is empty or too long.", field=name, limit=longest, fix="Say what went wrong.")
    with transaction.atomic():
        run, lease = hold(agent=agent, run_id=run_id, token=token, now=now)
        end_lease(lease=lease, ending=LeaseEnding.FAILED, now=now)
        entry = try_again(actor=agent.principal, run=run, cause=cause, detail=detail, retryable=retryable, now=now)
        tell_of(actor=agent.principal, run=run, entries=[entry], now=now)
    return run


def hand_off(
    *,
    agent: AuthenticatedAgent,
    run_id: UUID,
    token: str,
    to: str,
    contract: str,
    reason: str,
    payload: Any,
    choice: str = "",
    now: datetime,
) -> HandOff:
    """Pass the run to another sanctioned agent, which works on `payload`, on the same snapshot.

    Without a payload it works on what this agent was to work on. Either keeps the task schema of the taker's contract.

    Where texts of the run have changed meanwhile, `choice` must say how it goes on, as for a run that is resumed:
    without it ContextMoved, and the run stays with who has it.
    """
    check_choice(choice)
    check_storable([to, contract, reason, payload], field="payload")
    if len(canonical(payload)) > LARGEST_OUTPUT_BYTES or len(reason) > 500:
        raise InvalidInput(
            "payload or reason is too large.", field="payload", limit=LARGEST_OUTPUT_BYTES, fix="Send less."
        )
    with transaction.atomic():
        run, lease = hold(agent=agent, run_id=run_id, token=token, now=now)
        held = held_contract(agent=to, contract=contract) if to != agent.slug else None
        if held is None or run.agent is None:
            # One answer for no agent, a suspended one, and one that does not hold the contract.
            raise NotFound("There is no such agent with that contract.", field="to", fix="Hand off to another agent.")
        taker, terms = held
        if run.hand_offs.count() >= MOST_HAND_OFFS:
            raise HandedOffTooOften(
                f"The run was handed off {MOST_HAND_OFFS} times.",
                limit=MOST_HAND_OFFS,
                fix="Complete it, or report that it failed: then a person takes it.",
            )
        _check_fits(payload if payload is not None else present_task(run), terms)
        moved = moved_texts(run=run, principal=agent.principal, now=now)
        require_choice(moved, choice)
        end_lease(lease=lease, ending=LeaseEnding.HANDED_OFF, now=now)
        handed = HandOff.objects.create(
            run=run, from_agent=run.agent, to_agent=taker, reason=reason, payload=payload, handed_at=now
        )
        run.agent, run.contract_version = taker, terms
        run.attempt, run.not_before = 0, now
        if choice == "rebase":
            rebase(run, now=now)
        move(run=run, to=RunState.WAITS_FOR_PERSON if choice == "person" else RunState.QUEUED, now=now)
        run.save()
        entry = tell(
            actor=agent.principal,
            run=run,
            what="handed_off",
            now=now,
            after=digest_of(payload),
            came_from=handed.from_agent.slug,
            reason=reason,
            choice=choice or "unchanged",
            moved=name_moved(moved),
        )
        ledger.append_all(actor=agent.principal, entries=[entry], now=now)
    return handed


def _check_fits(task: Any, terms: ContractVersion) -> None:
    """Refuse what the taker could not be served for: it would find out only when it asks for its bundle."""
    found = kinds.violations(task, terms.task_schema, root="payload") if terms.task_schema is not None else []
    if found:
        raise InvalidInput(
            f"{terms.contract.name} takes no such task: {found[0].field}: {found[0].message}",
            field=found[0].field,
            fix="Hand off what the contract's task schema asks for.",
        )


def cancel_run(*, actor: Principal, run_id: UUID, reason: str, now: datetime) -> Run:
    """Stop a run for good. A running one ends at once: its agent's next report finds its lease ended."""
    check_storable(reason, field="reason")
    if not reason.strip() or len(reason) > 500:
        raise InvalidInput("A cancelled run needs a reason.", field="reason", limit=500, fix="Say why.")
    with steering(actor=actor, run_id=run_id, action="agents.run.cancel", now=now) as run:
        entry = cancel_locked(actor=actor, run=run, reason=reason, now=now)
        tell_of(actor=actor, run=run, entries=[entry], now=now)
    return run


def cancel_locked(*, actor: Principal, run: Run, reason: str, now: datetime) -> ledger.Entry:
    """Stop a run whose row the caller has locked. Saves it; the event to append."""
    for lease in RunLease.objects.select_for_update().filter(run=run, ended_at__isnull=True):
        end_lease(lease=lease, ending=LeaseEnding.CANCELLED, now=now)
    move(run=run, to=RunState.CANCELLED, now=now)
    run.cancel_asked_at = now
    run.reasons = [*run.reasons, {"cause": "cancelled", "detail": reason, "at": now.isoformat()}]
    run.save()
    return tell(actor=actor, run=run, what="cancelled", now=now, reason=reason)
