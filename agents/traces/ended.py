"""Finds which steps, leases and runs ended with events of the ledger, and makes their spans; must not send them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.conf import settings

from agents.models import Run, RunLease, RunStep
from agents.traces.encoding import Span
from agents.traces.spans import span_of_lease, span_of_run, span_of_step
from context.models import Sensitivity


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """The ended rows of some runs: steps by their key, leases and runs by the moment of their end."""

    steps: Mapping[tuple[UUID, str], RunStep]
    leases: Mapping[tuple[UUID, datetime | None], RunLease]
    runs: Mapping[tuple[UUID, datetime | None], Run]

    @classmethod
    def of(cls, events: Iterable[tuple[int, str, str, datetime, datetime, Any]]) -> Self:
        """What the events (sequence, action, run, at, recorded at, data) may be about. Three queries."""
        about = [(UUID(run_id), data.get("step")) for _, _, run_id, _, _, data in events]
        runs, keys = {run_id for run_id, _ in about}, {key for _, key in about if key}
        steps = RunStep.objects.filter(run__in=runs, key__in=keys, ended_at__isnull=False)
        leases = RunLease.objects.filter(run__in=runs, ended_at__isnull=False)
        whole = Run.objects.filter(pk__in=runs, ended_at__isnull=False)
        return cls(
            steps={(step.run_id, step.key): step for step in steps.select_related("lease__agent__endpoint", "run")},
            leases={(lease.run_id, lease.ended_at): lease for lease in leases.select_related("agent__endpoint")},
            runs={(run.pk, run.ended_at): run for run in whole.select_related("domain", "contract_version__contract")},
        )

    def step(self, run_id: UUID, key: str) -> list[Span]:
        found = self.steps.get((run_id, key))
        return [] if found is None else [span_of_step(found, content=may_leave(found.run))]

    def at(self, run_id: UUID, moment: datetime) -> list[Span]:
        """The lease and the run that ended at that moment, where one did."""
        lease, run = self.leases.get((run_id, moment)), self.runs.get((run_id, moment))
        made = [] if lease is None else [span_of_lease(lease)]
        return made if run is None else [*made, span_of_run(run, content=may_leave(run))]


def may_leave(run: Run) -> bool:
    """Whether what the run was given and made may leave: by the most sensitive text that it was given so far."""
    return bool(settings.OTLP_CONTENT) and run.sensitivity <= Sensitivity.from_word(settings.OTLP_CONTENT)
