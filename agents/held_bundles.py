"""Which agents were lately given the items of a change, counted from receipts; must not read what a bundle says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from agents.models import ContextContract
from agents.use import visible_agents
from context.access import Principal
from context.models import ContextVersion
from context.statements import rows
from governance.impact import Touched
from governance.models import Change

DAYS = 30

# The index of `version_ids` answers the path. Receipts are counted bundle by bundle (LATERAL), each from an index that
# needs no look at a row; joined as a whole, they were all read and sorted by digest, a hundred times the work.
_HELD = """
WITH held AS MATERIALIZED (
    SELECT digest, contract_version_id FROM agents_bundle
    WHERE version_ids @? %(path)s::jsonpath
)
SELECT given.agent_id, version.contract_id, sum(given.deliveries)::bigint, count(*), max(given.last_at)
FROM held
CROSS JOIN LATERAL (
    SELECT receipt.agent_id, count(*) AS deliveries, max(receipt.served_at) AS last_at
    FROM agents_receipt receipt
    WHERE receipt.bundle_id = held.digest AND receipt.agent_id = ANY (%(agents)s)
      AND receipt.served_at >= now() - make_interval(days => %(days)s)
    GROUP BY receipt.agent_id
) given
JOIN agents_contractversion version ON version.id = held.contract_version_id
WHERE version.contract_id = ANY (%(contracts)s)
GROUP BY given.agent_id, version.contract_id
ORDER BY 3 DESC, given.agent_id, version.contract_id
"""


class Holding(NamedTuple):
    """How often an agent was given one of the items under a contract, in how many different bundles, and when last."""

    agent_id: int
    contract_id: int
    deliveries: int
    bundles: int
    last_at: datetime


def bundles_with(*, keys: Sequence[str], principal: Principal) -> list[Holding]:
    """By agent and contract, of those one may know of: the deliveries of any version of these items in thirty days."""
    versions = list(
        ContextVersion.objects.visible_to(principal).filter(item__key__in=keys).values_list("pk", flat=True)
    )
    if not versions:
        return []
    asked = {
        "path": "$[*] ? ({})".format(" || ".join(f"@ == {pk}" for pk in sorted(versions))),
        "days": DAYS,
        "agents": list(visible_agents(principal).values_list("pk", flat=True)),
        "contracts": list(ContextContract.objects.visible_to(principal).values_list("pk", flat=True)),
    }
    return [Holding(*row) for row in rows(_HELD, asked)]


def impact_of_change(change: Change, keys: Sequence[str], principal: Principal) -> list[Touched]:
    """What `bundles_with` finds, in words and figures. Six queries."""
    found = bundles_with(keys=keys, principal=principal)
    agents = visible_agents(principal).in_bulk({each.agent_id for each in found})
    contracts = ContextContract.objects.in_bulk({each.contract_id for each in found})
    what = "it" if len(keys) == 1 else "one of these items"
    return [
        Touched(
            kind="bundle",
            label=agents[each.agent_id].name,
            why=(
                f"was given {what} {each.deliveries:,} time{'' if each.deliveries == 1 else 's'}"
                f" in the last {DAYS} days, under {contracts[each.contract_id].name}"
            ),
            url=f"/agents/{agents[each.agent_id].slug}/",
            figures={"deliveries": each.deliveries, "bundles": each.bundles},
            last_at=each.last_at,
        )
        for each in found
    ]
