"""Who may steer a run from outside its lease, and the lock under which they do; must not move it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import transaction

from agents.models import Run
from context.access import Principal
from context.errors import NotFound, NotPermitted
from context.models import Role
from governance.audit import ledger
from governance.audit.attempts import denials_recorded


@contextmanager
def steering(*, actor: Principal, run_id: UUID, action: str, now: datetime) -> Iterator[Run]:
    """The run, locked, in a transaction of its own: for who asked for it, its agent's owner and administrators.

    A run that the actor may not see does not exist; one that they may see but not steer leaves a denied event.
    """
    found = Run.objects.visible_to(actor).filter(pk=run_id).first()
    if found is None:
        raise NotFound("There is no such run.")
    subject = ledger.Subject(type="run", id=str(found.pk), label=str(found))
    with denials_recorded(actor=actor, action=action, subject=lambda: subject, now=now), transaction.atomic():
        run = (
            Run.objects.select_for_update(of=("self",))
            .select_related("agent", "contract_version__contract")
            .get(pk=run_id)
        )
        if not may_steer(actor=actor, run=run):
            raise NotPermitted(
                "Only who started the run, its agent's owner or an administrator does this.",
                fix="Ask the agent's owner.",
            )
        yield run


def may_steer(*, actor: Principal, run: Run) -> bool:
    """Whether they asked for the run, own its agent or administer Plumbline. An agent steers only what it asked for."""
    if (actor.kind, actor.id) == (run.requested_by_kind, run.requested_by_id):
        return True
    if actor.kind != "person":
        return actor.kind == "system"
    return actor.has_role(Role.ADMINISTRATOR) or (run.agent is not None and run.agent.owner_id == actor.id)
