"""Finds agents that run on texts which were superseded since; must not know how bundles are assembled."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from context.models import Sensitivity
from context.statements import rows
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import FindingDraft, Place, evidence
from governance.models import Severity

NAMED = 30

# The last bundle of each agent under each contract, and of its texts those that were out of force for so long.
_BEHIND = """
WITH last AS (
    SELECT DISTINCT ON (receipt.agent_id, version.contract_id)
        receipt.agent_id, version.contract_id, receipt.served_at, bundle.digest, bundle.version_ids
    FROM agents_receipt receipt JOIN agents_bundle bundle ON bundle.digest = receipt.bundle_id
    JOIN agents_contractversion version ON version.id = bundle.contract_version_id
    WHERE receipt.served_at >= %(since)s AND bundle.as_of IS NULL
    ORDER BY receipt.agent_id, version.contract_id, receipt.served_at DESC, receipt.id DESC
)
SELECT agent.id, agent.slug, agent.name, agent.owner_id, contract.slug, contract.name, contract.domain_id,
    last.served_at, last.digest, jsonb_array_length(last.version_ids), held.number, held.superseded_at,
    item.key, item.sensitivity, coalesce(now_in_force.number, 0),
    EXISTS (SELECT FROM context_contextitem_audiences WHERE contextitem_id = item.id)
FROM last
JOIN agents_agent agent ON agent.id = last.agent_id
JOIN agents_contextcontract contract ON contract.id = last.contract_id
CROSS JOIN LATERAL jsonb_array_elements_text(last.version_ids) element(id)
JOIN context_contextversion held ON held.id = element.id::bigint AND held.superseded_at <= %(until)s
JOIN context_contextitem item ON item.id = held.item_id
LEFT JOIN context_contextversion now_in_force ON now_in_force.id = item.current_version_id
    AND item.retired_at IS NULL
ORDER BY agent.id, contract.id, item.key
"""


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """One statement."""
    found: dict[tuple[int, str], list[tuple[Any, ...]]] = {}
    asked = {
        "since": now - timedelta(days=context.number("recent_days")),
        "until": now - timedelta(hours=context.number("after_hours")),
    }
    for row in rows(_BEHIND, asked):
        found.setdefault((row[0], row[4]), []).append(row)
    for texts in found.values():
        _, agent, agent_name, owner_id, contract, contract_name, domain_id, served_at, digest, held, *_ = texts[0]
        behind = len(texts)
        # Names of texts that only some may know of are not told to whoever looks after the agent.
        told = [row for row in texts if row[13] <= Sensitivity.INTERNAL and not row[15]]
        yield FindingDraft(
            cause={"agent": agent, "contract": contract},
            summary=f"“{agent_name}” works with superseded texts under “{contract_name}”.",
            evidence=evidence(
                sentence=f"Of {held} texts in its last bundle ({served_at:%d %B %Y}), {behind} are not in force now.",
                figures={"Texts held": held, "Superseded": behind, "Last served": served_at.date().isoformat()},
                bundle=digest,
                texts=[f"{row[12]}: version {row[10]}, now {row[14] or 'retired'}" for row in told[:NAMED]],
            ),
            basis={"bundle": digest, "behind": behind},
            domain_id=domain_id,
            owner_id=owner_id,
            place=Place(
                type="agent",
                id=agent,
                label=agent_name,
                sensitivity=max((row[13] for row in told), default=int(Sensitivity.INTERNAL)),
            ),
            severity=Severity.HIGH if behind * 2 >= held else Severity.MEDIUM,
        )


DETECTOR = Detector(
    name="superseded-bundles",
    question="Which agents work with texts that were superseded?",
    scope=Scope.ORGANISATION,
    detect=detect,
    options=(
        Option(
            name="after_hours", default=24, least=0, most=8760, help="So long after a text was superseded it counts."
        ),
        Option(
            name="recent_days",
            default=14,
            least=1,
            most=365,
            help="Agents that were given nothing for so many days are taken to be at rest.",
        ),
    ),
)
