"""Finds runs that wait for an agent which cannot take them now, and sends them past it; must not run them."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from agents.models import AgentState, Run, RunState
from agents.runs.following import tell_of
from agents.runs.trying_again import try_again
from context.access import SYSTEM

LOOKED_AT_ONCE = 100


def go_around(*, now: datetime) -> int:
    """Send runs to their next fallback, or to a person, whose agent may not work, or fails too often; how many went.

    An agent that may not work will not claim what waits for it. One that fails is passed only by runs that have
    somewhere else to go: the others wait until it is tried again.
    """
    queued = Run.objects.filter(state=RunState.QUEUED)
    idle = queued.exclude(agent__state=AgentState.SANCTIONED).filter(agent__isnull=False)
    failing = queued.filter(agent__push__closed_until__gt=now).exclude(fallbacks=[])
    gone = _past(idle, cause="agent_suspended", detail="The agent is not sanctioned.", now=now)
    return gone + _past(failing, cause="circuit_open", detail="The agent failed too often lately.", now=now)


def _past(waiting: QuerySet[Run], *, cause: str, detail: str, now: datetime) -> int:
    gone = 0
    for run_id in list(waiting.order_by("not_before", "pk").values_list("pk", flat=True)[:LOOKED_AT_ONCE]):
        with transaction.atomic():
            run = (
                waiting.select_for_update(skip_locked=True, of=("self",))
                .select_related("agent", "contract_version__contract")
                .filter(pk=run_id)
                .first()
            )
            if run is None:
                continue
            entry = try_again(actor=SYSTEM, run=run, cause=cause, detail=detail, retryable=False, now=now)
            tell_of(actor=SYSTEM, run=run, entries=[entry], now=now)
            gone += 1
    return gone
