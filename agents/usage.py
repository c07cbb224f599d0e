"""How often agents were given each item: what the lower floors may know of use; must not name agents or bundles."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from context.statements import rows

_DELIVERIES = """
SELECT version.item_id, sum(served.deliveries)
FROM (
    SELECT bundle_id, sum((kind = 'delivered')::int + repeats) AS deliveries FROM agents_receipt
    WHERE served_at >= %(since)s AND served_at < %(until)s GROUP BY bundle_id
) served
JOIN agents_bundle bundle ON bundle.digest = served.bundle_id
CROSS JOIN LATERAL (
    SELECT DISTINCT holds.item_id FROM jsonb_array_elements_text(bundle.version_ids) element(id)
    JOIN context_contextversion holds ON holds.id = element.id::bigint
) version
WHERE %(items)s::bigint[] IS NULL OR version.item_id = ANY (%(items)s::bigint[])
GROUP BY version.item_id
"""


def deliveries(*, since: datetime, until: datetime, item_ids: Collection[int] | None = None) -> Mapping[int, int]:
    """Deliveries of bundles that held a text of the item, by item; items never delivered are absent. One query."""
    wanted = None if item_ids is None else sorted(item_ids)
    return {
        item_id: int(count) for item_id, count in rows(_DELIVERIES, {"since": since, "until": until, "items": wanted})
    }
