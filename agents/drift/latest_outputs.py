"""What agents said last, for detectors that hold it against what the organisation says; must not judge it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from agents.models import Run, RunBundle, RunState
from agents.output_checks.model import output_of

RUNS_READ = 1_000
OUTPUTS_OF_AN_AGENT = 20
LONGEST_READ = 100_000  # characters of one output


@dataclass(frozen=True, kw_only=True, slots=True)
class LatestOutput:
    """The texts of one run's output, and the versions its agents were given."""

    run: Run
    texts: tuple[str, ...]
    given: tuple[int, ...]


def latest_outputs() -> Iterator[LatestOutput]:
    """The last outputs of each agent that stood, the newest first. Two statements.

    A fixed number of each: what an agent said wrongly is forgotten once it has said enough since.
    """
    ended = Run.objects.filter(
        state=RunState.SUCCEEDED, output__isnull=False, agent__isnull=False, ended_at__isnull=False
    )
    chosen: dict[int, list[Run]] = defaultdict(list)
    ended = ended.filter(ended_at__isnull=False)
    for run in ended.select_related("agent").order_by("-ended_at", "-pk")[:RUNS_READ]:
        if len(chosen[run.agent_id or 0]) < OUTPUTS_OF_AN_AGENT:
            chosen[run.agent_id or 0].append(run)
    runs = [run for each in chosen.values() for run in each]
    given: dict[object, set[int]] = defaultdict(set)
    bundles = RunBundle.objects.filter(run__in=runs).values_list("run_id", "bundle__version_ids")
    for run_id, version_ids in bundles:
        given[run_id].update(version_ids)
    for run in runs:
        texts, left = [], LONGEST_READ
        for said in output_of(run.output).texts:
            texts.append(said.text[:left])
            left -= len(texts[-1])
            if left <= 0:
                break
        yield LatestOutput(run=run, texts=tuple(texts), given=tuple(sorted(given[run.pk])))
