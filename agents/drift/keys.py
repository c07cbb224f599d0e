"""Finds keys in use that should not be: unknown, revoked, expired, of agents nobody sanctioned; must not end any."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from agents.models import KeyMisuse
from context.models import Sensitivity
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import FindingDraft, Place, evidence
from governance.models import Severity

_SAID = {
    "unknown": "Somebody presents keys that are none.",
    "revoked": "“{agent}” still presents a key that was revoked.",
    "expired": "“{agent}” still presents a key that has expired.",
    "unsanctioned": "“{agent}” is not sanctioned and asks for context.",
}


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """One statement."""
    since = now - timedelta(days=context.number("recent_days"))
    for misuse in KeyMisuse.objects.filter(last_at__gte=since).select_related("key__agent").order_by("pk"):
        if misuse.times < context.number("least_times"):
            continue
        agent = misuse.key.agent if misuse.key is not None else None
        yield FindingDraft(
            cause={"key": misuse.key.prefix if misuse.key is not None else None, "reason": misuse.reason},
            summary=_SAID[misuse.reason].format(agent=agent.name if agent is not None else ""),
            evidence=evidence(
                sentence=f"{misuse.get_reason_display()}, refused in {misuse.times} different minutes.",
                figures={
                    "First refused": misuse.first_at.date().isoformat(),
                    "Last refused": misuse.last_at.date().isoformat(),
                },
                key=f"plk_{misuse.key.prefix}_…" if misuse.key is not None else None,
            ),
            basis={"day": misuse.last_at.date().isoformat()},
            owner_id=agent.owner_id if agent is not None else None,
            place=Place(
                type="agent",
                id=agent.slug if agent is not None else "unknown",
                label=agent.name if agent is not None else "Unknown keys",
                sensitivity=int(Sensitivity.INTERNAL),
            ),
            severity=Severity.MEDIUM if misuse.reason == "expired" else Severity.HIGH,
        )


DETECTOR = Detector(
    name="keys",
    question="Which keys are in use that should not be?",
    scope=Scope.ORGANISATION,
    detect=detect,
    options=(
        Option(name="recent_days", default=7, least=1, most=90, help="Presented within so many days."),
        Option(name="least_times", default=1, least=1, most=10_000, help="Presented in at least so many minutes."),
    ),
)
