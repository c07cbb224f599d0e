"""Finds steps whose run has ended and that nothing followed, and follows them; must not decide what follows."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from agents.flows.advancing import follow_up
from agents.models import FlowRunState, FlowStepRun, FlowStepState, Run
from context.access import SYSTEM
from governance.audit import ledger

# What ends a run follows it in the same transaction: what stands longer has been missed.
MISSED_AFTER = timedelta(seconds=30)
SWEPT_AT_ONCE = 100


def follow_what_ended(*, now: datetime) -> int:
    """Take on flows that stand still though their run has ended, by whatever path it did; how many."""
    later = FlowStepRun.objects.filter(step=OuterRef("step"), number__gt=OuterRef("number"))
    left = FlowStepRun.objects.filter(
        ~Exists(later),
        run__ended_at__lt=now - MISSED_AFTER,
        step__state=FlowStepState.RUNNING,
        step__flow_run__state=FlowRunState.RUNNING,
    )
    taken = 0
    for tried in left.select_related("step").order_by("run__ended_at")[:SWEPT_AT_ONCE]:
        with transaction.atomic():
            run = Run.objects.select_for_update(of=("self",)).select_related("agent").get(pk=tried.run_id)
            entries = follow_up(flow_run_id=tried.step.flow_run_id, run=run, now=now)
            ledger.append_all(actor=SYSTEM, entries=entries, now=now)
            taken += bool(entries)
    return taken
