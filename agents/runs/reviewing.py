"""What people decide of outputs in review and of runs that wait for them; must not judge an output by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from agents.held_contracts import held_contract
from agents.models import Agent, ContractVersion, Run, RunReview, RunReviewDecision, RunState
from agents.output_checks.judging import Judgement, judge
from agents.routing.candidates import candidates_of
from agents.runs.finishing import LARGEST_OUTPUT_BYTES
from agents.runs.following import tell_of
from agents.runs.moving import move, tell
from agents.runs.outputs import given_to
from agents.runs.present_task import present_task
from context.access import Principal, principal_for
from context.digests import canonical, check_storable, digest_of
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted, PreconditionFailed
from context.models import Role, User
from governance.audit import ledger
from governance.audit.attempts import denials_recorded

WAITING = (RunState.IN_REVIEW, RunState.WAITS_FOR_PERSON)
LONGEST_COMMENT = 2_000


class OutputNotAccepted(InvalidInput):
    """The output that a person wrote breaks the contract's schema or checks."""

    type = "output-not-accepted"
    title = "The output does not keep what the contract asks"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunDecision:
    """A person's decision. `digest` is of the output they read; `output` is theirs where they edit it."""

    decision: str
    comment: str = ""
    digest: str = ""
    output: Any = None
    agent: str = ""
    contract: str = ""


def awaiting(principal: Principal) -> QuerySet[Run]:
    """The runs that wait for a decision which this person may take, those due first."""
    if principal.kind != "person":
        return Run.objects.none()
    found = Run.objects.visible_to(principal).filter(state__in=WAITING, sensitivity__lte=principal.clearance)
    if not principal.has_role(Role.ADMINISTRATOR):
        domains = [domain_id for role, domain_id in principal.roles if role in _DECIDING and domain_id is not None]
        everywhere = any(role in _DECIDING and domain_id is None for role, domain_id in principal.roles)
        part = Q(agent__owner=principal.id) | Q(contract_version__contract__owner=principal.id)
        part |= (
            Q(contract_version__contract__domain__isnull=False)
            if everywhere
            else Q(contract_version__contract__domain__in=domains)
        )
        found = found.filter(part)
    return found.select_related("agent", "contract_version__contract").order_by("due_at", "changed_at", "pk")


_DECIDING = frozenset({Role.APPROVER, Role.STEWARD, "domain_owner"})


def review_run(*, actor: User, run_id: UUID, said: RunDecision, now: datetime) -> Run:
    """Decide on a run in review or one that waits for a person.

    approve: the output stands (bound to its digest). edit: the person's output stands, if it keeps schema and checks.
    reject: the run fails. send_back: its agent tries again with the comment. reassign: another agent takes it.
    """
    _check(said)
    if not isinstance(actor, User):
        raise NotPermitted("Only people review outputs.", fix="Ask the agent's owner.")
    principal = principal_for(actor)
    found = Run.objects.visible_to(principal).filter(pk=run_id, sensitivity__lte=principal.clearance).first()
    if found is None:
        raise NotFound("There is no such run.")
    subject = ledger.Subject(type="run", id=str(found.pk), label=str(found))
    with (
        denials_recorded(actor=principal, action="agents.run.review", subject=lambda: subject, now=now),
        transaction.atomic(),
    ):
        run = (
            Run.objects.select_for_update(of=("self",))
            .select_related("agent", "contract_version__contract")
            .get(pk=run_id)
        )
        if not awaiting_or_decided(principal, run):
            raise NotPermitted(
                "Only the agent's or the contract's owner, an approver of its domain or an administrator decides this.",
                fix="Ask one of them.",
            )
        if run.state not in WAITING:
            raise Conflict("The run does not wait for a person.", fix="Read the run again.")
        if said.digest != run.output_digest:
            raise PreconditionFailed(
                "The output is not the one you read.", field="digest", fix="Read the run again, and decide on that."
            )
        waited_since = run.changed_at
        edited = _apply(principal=principal, run=run, said=said, now=now)
        RunReview.objects.create(
            run=run,
            reviewer=actor,
            decision=said.decision,
            comment=said.comment,
            output_digest=said.digest,
            edited_digest=edited,
            waited_since=waited_since,
            reviewed_at=now,
        )
        entry = tell(
            actor=principal,
            run=run,
            what=f"review_{said.decision}",
            now=now,
            after=edited or said.digest or None,
            comment=said.comment or None,
        )
        tell_of(actor=principal, run=run, entries=[entry], now=now)
    return run


def awaiting_or_decided(principal: Principal, run: Run) -> bool:
    """Whether this person is among those who decide on such a run, in whatever state it is."""
    contract = run.contract_version.contract if run.contract_version else None
    if principal.has_role(Role.ADMINISTRATOR) or (run.agent is not None and run.agent.owner_id == principal.id):
        return True
    if contract is None:
        return False
    return contract.owner_id == principal.id or any(
        principal.has_role(role, contract.domain_id) for role in _DECIDING if contract.domain_id is not None
    )


def _apply(*, principal: Principal, run: Run, said: RunDecision, now: datetime) -> str:
    """Move the run as decided and save it; the digest of an edited output, else nothing."""
    edited = ""
    match said.decision:
        case RunReviewDecision.APPROVE:
            if not run.output_digest:
                raise Conflict("There is no output to approve.", field="decision", fix="Send it back or write one.")
            move(run=run, to=RunState.SUCCEEDED, now=now)
        case RunReviewDecision.EDIT:
            edited = digest_of(said.output)
            _accept(run=run, output=said.output, reviewer=principal)
            run.output, run.output_digest = said.output, edited
            move(run=run, to=RunState.SUCCEEDED, now=now)
        case RunReviewDecision.REJECT:
            run.reasons = [*run.reasons, _noted("rejected", said.comment, principal, now)]
            move(run=run, to=RunState.FAILED, now=now)
        case RunReviewDecision.SEND_BACK | RunReviewDecision.REASSIGN:
            if said.decision == RunReviewDecision.REASSIGN:
                run.agent, run.contract_version = _taker(said)
            if run.agent is None or run.contract_version is None:
                raise Conflict("The run has no agent.", field="decision", fix="Give it to an agent.")
            run.reasons = [*run.reasons, _noted("output_check", said.comment or "Sent back.", principal, now)]
            run.attempt, run.not_before, run.due_at = 0, now, None
            move(run=run, to=RunState.QUEUED, now=now)
    run.save()
    return edited


def _accept(*, run: Run, output: Any, reviewer: Principal) -> None:
    """A person's output keeps the schema and the rejecting checks too; what a person must see, one has seen.

    It is judged as the run's agent reads or, where the run has none, as the reviewer does.
    """
    if run.contract_version is None:
        return
    principal = reviewer
    if run.agent is not None:
        principal = candidates_of([run.agent.slug], load=False, budget=False)[run.agent.slug].principal
    verdict: Judgement = judge(
        principal=principal,
        version=run.contract_version,
        output=output,
        task=present_task(run),
        given=given_to(run),
        run=str(run.pk),
        at=run.snapshot_at,
    )
    if verdict.rejecting:
        first = verdict.rejecting[0]
        raise OutputNotAccepted(
            first.detail,
            field=f"output{first.place}",
            fix="Correct it, or reject the run.",
            violations=[each.as_json() for each in verdict.rejecting],
        )


def _taker(said: RunDecision) -> tuple[Agent, ContractVersion]:
    held = held_contract(agent=said.agent, contract=said.contract)
    if held is None:
        raise NotFound("There is no such agent with that contract.", field="agent", fix="Choose another agent.")
    return held


def _noted(cause: str, detail: str, principal: Principal, now: datetime) -> Mapping[str, Any]:
    return {"cause": cause, "detail": detail, "by": principal.label, "at": now.isoformat()}


def _check(said: RunDecision) -> None:
    if said.decision not in RunReviewDecision.values:
        raise InvalidInput(
            "There is no such decision.", field="decision", limit=", ".join(RunReviewDecision.values), fix="Choose one."
        )
    check_storable([said.comment, said.output, said.agent, said.contract], field="output")
    if len(said.comment) > LONGEST_COMMENT:
        raise InvalidInput("The comment is too long.", field="comment", limit=LONGEST_COMMENT, fix="Shorten it.")
    if said.decision in (RunReviewDecision.REJECT, RunReviewDecision.SEND_BACK) and not said.comment.strip():
        raise InvalidInput("Say why.", field="comment", fix="Tell the agent's owner what is wrong with it.")
    if len(canonical(said.output)) > LARGEST_OUTPUT_BYTES:
        raise InvalidInput("The output is too large.", field="output", limit=LARGEST_OUTPUT_BYTES, fix="Send less.")
