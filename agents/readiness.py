"""What agents know of readiness: what contracts need and get, and runs on one snapshot; must not change any."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from agents.contract_availability import availability_of
from agents.models import ContextContract, Run
from context.access import Principal
from context.readiness import FiguresByDomain
from context.statements import rows

LATELY = timedelta(days=30)
# Judged one by one: beyond this many the page would wait, and the figures say so by being absent.
MOST_CONTRACTS = 300

# A run is on one snapshot when nothing it was given is of another moment than the first.
_RUNS = """
SELECT contract.domain_id, count(*), count(*) FILTER (WHERE told.moments <= 1)
FROM agents_run run
JOIN agents_contractversion version ON version.id = run.contract_version_id
JOIN agents_contextcontract contract ON contract.id = version.contract_id
JOIN LATERAL (
    SELECT count(DISTINCT bundle.snapshot_at) AS moments, count(*) AS bundles FROM agents_runbundle given
    JOIN agents_bundle bundle ON bundle.digest = given.bundle_id WHERE given.run_id = run.id
) told ON told.bundles > 0
WHERE run.id = ANY (%(runs)s::uuid[]) GROUP BY 1
"""


def figures(*, principal: Principal, now: datetime) -> FiguresByDomain:
    """Two queries, and three for each contract."""
    made: dict[int | None, dict[str, float | None]] = defaultdict(dict)
    contracts = ContextContract.objects.visible_to(principal).filter(
        current_version__isnull=False, retired_at__isnull=True
    )
    held = list(contracts.select_related("current_version", "domain").order_by("pk")[: MOST_CONTRACTS + 1])
    if len(held) <= MOST_CONTRACTS:
        for contract in held:
            found = availability_of(principal=principal, contract=contract)
            required = [row for row in found.rows if row.requirement.required]
            for place in {contract.domain_id, None}:
                _add(made[place], "contracts", 1)
                _add(made[place], "contracts_holding", int(found.available.complete))
                _add(made[place], "needed", len(required))
                _add(made[place], "met", sum(row.gap is None for row in required))
    recent = Run.objects.visible_to(principal).filter(created_at__gt=now - LATELY).order_by()
    counts = list(rows(_RUNS, {"runs": list(recent.values_list("pk", flat=True)[:10_000])}))
    whole = [(None, sum(row[1] for row in counts), sum(row[2] for row in counts))]
    for place, runs, on_one in [*(row for row in counts if row[0] is not None), *whole]:
        if runs:
            made[place]["one_snapshot_percent"] = round(100 * on_one / runs, 1)
    return made


def _add(figures: dict[str, float | None], name: str, count: int) -> None:
    figures[name] = (figures.get(name) or 0) + count
