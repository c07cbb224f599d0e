"""Judges the output of a run by the contract it is bound to, with the texts it was given; must not move runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agents.authentication import AuthenticatedAgent
from agents.models import Run, RunBundle
from agents.output_checks.judging import judge
from agents.output_checks.model import Failing
from agents.runs.present_task import present_task


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputVerdict:
    """What was found. `review_because` says why a person must look at an output that is not rejected."""

    failing: Sequence[Failing] = field(default_factory=tuple)
    told: Sequence[Failing] = field(default_factory=tuple)
    review_because: str = ""


def judge_output(*, run: Run, output: object, agent: AuthenticatedAgent, now: datetime) -> OutputVerdict:
    """The verdict on an output, by the contract version that the run is bound to and the run's snapshot."""
    version = run.contract_version
    if version is None:
        return OutputVerdict()
    found = judge(
        principal=agent.principal,
        version=version,
        output=output,
        task=present_task(run),
        given=given_to(run),
        run=str(run.pk),
        at=run.snapshot_at,
    )
    because = found.reviewing[0].detail if found.reviewing else ""
    return OutputVerdict(failing=found.rejecting, told=(*found.reviewing, *found.warning), review_because=because)


def given_to(run: Run) -> set[int]:
    """The ids of all versions that stood in the run's bundles."""
    lists = RunBundle.objects.filter(run=run).values_list("bundle__version_ids", flat=True)
    return {version_id for ids in lists for version_id in ids}
