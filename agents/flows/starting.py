"""Starts and cancels flows: a flow's run with its steps and the runs of the first ones; must not judge their ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.flows.advancing import ENDED_ELSEWHERE, cancel_open_runs, end_flow_run, lock_flow_run, settle, start_ready
from agents.flows.definition import definition_of
from agents.flows.telling import tell
from agents.models import Flow, FlowRun, FlowRunState, FlowRunStep, FlowStepRun
from agents.sent_tasks import check_task_size
from context import kinds
from context.access import SYSTEM, Principal
from context.digests import check_storable, digest_of
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import Role
from governance.audit import ledger
from governance.audit.attempts import denials_recorded

SWEPT_AT_ONCE = 100


def start_flow(*, actor: Principal, name: str, slug: str, value: Any, now: datetime) -> FlowRun:
    """Start the flow of that slug, as it stands, with this input. `name` is the caller's slug or username.

    No input is an empty object. From the commit on it is not lost. An agent may start the flows whose first steps'
    contracts it holds.
    """
    flow = (
        Flow.objects.visible_to(actor)
        .select_related("current_version__flow__domain")
        .filter(slug=slug, retired_at__isnull=True, current_version__isnull=False)
        .first()
    )
    if flow is None:
        raise NotFound("There is no such flow.")
    value = {} if value is None else value
    check_input(flow, value)
    with transaction.atomic():
        flow_run, entries = open_flow_run(flow=flow, requester=actor, name=name, value=value, now=now)
        ledger.append_all(actor=actor, entries=entries, now=now)
    return flow_run


def check_input(flow: Flow, value: Any) -> None:
    """Refuse what the flow does not take; the error names the field, the limit and the fix."""
    check_storable(value, field="input")
    check_task_size(value)
    if flow.current_version is None:
        raise NotFound("There is no such flow.")
    schema = flow.current_version.payload["input_schema"]
    found = kinds.violations(value, schema, root="input") if isinstance(schema, Mapping) else []
    if found:
        raise InvalidInput(
            f"{found[0].field}: {found[0].message}",
            field=found[0].field,
            fix="Send what the flow's input_schema asks for.",
            violations=[{"field": each.field, "message": each.message} for each in found],
        )


def open_flow_run(
    *, flow: Flow, requester: Principal, name: str, value: Any, now: datetime, **told: Any
) -> tuple[FlowRun, list[ledger.Entry]]:
    """The same for a checked input, inside the caller's transaction, which appends the events, last."""
    version = flow.current_version
    if version is None:
        raise NotFound("There is no such flow.")
    definition = definition_of(version.payload)
    flow_run = FlowRun(
        flow_version=version,
        input=value,
        input_digest=digest_of(value),
        requested_by_kind=requester.kind,
        requested_by_id=requester.id,
        requested_by_label=requester.label[:200],
        snapshot_at=now,
        created_at=now,
        changed_at=now,
    )
    flow_run.save(force_insert=True)
    FlowRunStep.objects.bulk_create(
        FlowRunStep(flow_run=flow_run, name=each.name, position=place) for place, each in enumerate(definition.steps)
    )
    started = tell(flow_run=flow_run, what="started", after=flow_run.input_digest, **told)
    opened = start_ready(flow_run=flow_run, definition=definition, asker=(requester, name), now=now)
    rows = {each.run.pk: row for each, row in opened}
    entries = settle(flow_run=flow_run, opened=[each for each, _ in opened], rows=rows, now=now)
    return flow_run, [started, *entries]


def cancel_flow_run(*, actor: Principal, flow_run_id: UUID, reason: str, now: datetime) -> FlowRun:
    """Stop a started flow for good, with its open runs: for who started it, the flow's owner and administrators."""
    check_storable(reason, field="reason")
    if not reason.strip() or len(reason) > 500:
        raise InvalidInput("A cancelled flow needs a reason.", field="reason", limit=500, fix="Say why.")
    found = FlowRun.objects.visible_to(actor).select_related("flow_version__flow").filter(pk=flow_run_id).first()
    if found is None:
        raise NotFound("There is no such flow run.")
    subject = tell(flow_run=found, what="cancel").subject
    with (
        denials_recorded(actor=actor, action="agents.flow_run.cancel", subject=lambda: subject, now=now),
        transaction.atomic(),
    ):
        flow_run = lock_flow_run(flow_run_id)
        if not may_cancel(actor=actor, flow_run=flow_run):
            raise NotPermitted(
                "Only who started the flow, its owner or an administrator does this.", fix="Ask the flow's owner."
            )
        if flow_run.ended:
            raise Conflict(f"The flow has ended: {flow_run.get_state_display().lower()}.", fix="Start it again.")
        noted = {"cause": "cancelled", "detail": reason, "by": actor.label, "at": now.isoformat()}
        flow_run.reasons = [*flow_run.reasons, noted]
        end_flow_run(flow_run, FlowRunState.CANCELLED, now=now)
        entries = cancel_open_runs(actor=actor, flow_run=flow_run, reason=reason, now=now)
        entries.append(tell(flow_run=flow_run, what="cancelled", reason=reason))
        ledger.append_all(actor=actor, entries=entries, now=now)
    return flow_run


def may_cancel(*, actor: Principal, flow_run: FlowRun) -> bool:
    """Whether they started it, own the flow or administer Plumbline. An agent cancels only what it started."""
    if (actor.kind, actor.id) == (flow_run.requested_by_kind, flow_run.requested_by_id):
        return True
    if actor.kind != "person":
        return actor.kind == "system"
    return actor.has_role(Role.ADMINISTRATOR) or flow_run.flow_version.flow.owner_id == actor.id


def cancel_left_over(*, now: datetime) -> int:
    """Cancel runs that were in somebody's hands when their flow ended; how many flows had any. For a schedule."""
    left = FlowStepRun.objects.filter(run__ended_at__isnull=True, step__flow_run__ended_at__isnull=False)
    ended = FlowRun.objects.filter(pk__in=left.values("step__flow_run")).select_related("flow_version__flow")
    swept = 0
    for flow_run in ended[:SWEPT_AT_ONCE]:
        with transaction.atomic():
            entries = cancel_open_runs(actor=SYSTEM, flow_run=flow_run, reason=ENDED_ELSEWHERE, now=now)
            ledger.append_all(actor=SYSTEM, entries=entries, now=now)
            swept += bool(entries)
    return swept
