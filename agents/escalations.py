"""Puts a gap to a person where the contract says so: a finding in their inbox with a date; must not decide a refusal.

One finding for each contract, requirement and reason, however often agents ask: while it is unsettled, nothing more is
written. It goes to whoever answers for the text that is nearest to meeting the requirement, else to the contract's
owner. What is hidden from the agent reads as missing here too, and so goes to the contract's owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from agents.models import ContractVersion
from context.digests import iso
from context.models import User
from context.requirements import Gap
from context.row_security import reading_as_system
from governance.audit import ledger
from governance.drift.drafts import evidence
from governance.drift.findings import Sighting, open_finding
from governance.models import Finding, FindingState, Severity

DETECTOR = "escalation"


def escalate(*, version: ContractVersion, gaps: Sequence[Gap], now: datetime) -> list[dict[str, Any]]:
    """Put each of these gaps to a person, once, and tell to whom and until when. One query, more for each new gap."""
    sightings = {gap: _sighting(version, gap, now) for gap in gaps}
    with reading_as_system():
        standing = {
            finding.fingerprint: finding
            for finding in Finding.objects.unsettled()
            .filter(fingerprint__in=[seen.fingerprint for seen in sightings.values()])
            .select_related("owner")
        }
        told = []
        for gap, seen in sightings.items():
            finding = standing.get(seen.fingerprint) or open_finding(seen=seen, now=now)
            # A person said that this one is none: it stays quiet, and the answer promises nothing.
            if finding.state not in FindingState.open_states():
                continue
            told.append(
                {
                    "requirement": gap.requirement,
                    "code": gap.code,
                    "to": finding.owner.display_name if finding.owner is not None else None,
                    "due_at": iso(finding.due_at) if finding.due_at is not None else None,
                }
            )
    return told


def _sighting(version: ContractVersion, gap: Gap, now: datetime) -> Sighting:
    contract = version.contract
    owner = User.objects.filter(pk=gap.owner_id, is_active=True).first() if gap.owner_id is not None else None
    return Sighting(
        detector=DETECTOR,
        summary=f"{contract.name} cannot be served: “{gap.requirement}” is {gap.code.replace('_', ' ')}."[:500],
        cause={"contract": contract.slug, "requirement": gap.requirement, "code": gap.code},
        evidence=evidence(
            sentence=gap.fix,
            contract=contract.slug,
            requirement=gap.requirement,
            code=gap.code,
        ),
        severity=Severity.HIGH,
        domain=contract.domain,
        subject=ledger.Subject(
            type="contract", id=contract.slug, label=contract.name, sensitivity=contract.sensitivity
        ),
        owner=owner or contract.owner,
        due_at=now + timedelta(days=version.escalation_days),
    )
