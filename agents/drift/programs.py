"""Finds programs that present agents' keys and that no agent declares and nobody settled; must not block any."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from agents.models import UnsanctionedUse, UseState
from context.models import Sensitivity
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import FindingDraft, Place, evidence
from governance.models import Severity


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """One statement."""
    since = now - timedelta(days=context.number("recent_days"))
    found = UnsanctionedUse.objects.filter(state=UseState.OPEN, last_seen_at__gte=since).select_related("agent")
    for use in found.order_by("pk"):
        if use.times < context.number("least_minutes"):
            continue
        agent = use.agent
        whose = f" with a key of “{agent.name}”" if agent is not None else ""
        yield FindingDraft(
            cause={"kind": use.kind, "name": use.name},
            summary=f"{use.name or 'Some other program'} asks for context{whose}, and no agent declares it.",
            evidence=evidence(
                sentence=f"{use.get_kind_display()}, seen in {use.times} different minutes.",
                figures={
                    "First seen": use.first_seen_at.date().isoformat(),
                    "Last seen": use.last_seen_at.date().isoformat(),
                },
                key=None,
            ),
            basis={"day": use.last_seen_at.date().isoformat()},
            owner_id=agent.owner_id if agent is not None else None,
            place=Place(
                type="agent",
                id=agent.slug if agent is not None else "unknown",
                label=agent.name if agent is not None else "Unknown programs",
                sensitivity=int(Sensitivity.INTERNAL),
            ),
            severity=Severity.MEDIUM,
        )


DETECTOR = Detector(
    name="programs",
    question="Which programs use agents' keys without any agent declaring them?",
    scope=Scope.ORGANISATION,
    detect=detect,
    options=(
        Option(name="recent_days", default=7, least=1, most=90, help="Seen within so many days."),
        Option(name="least_minutes", default=1, least=1, most=10_000, help="Seen in at least so many minutes."),
    ),
)
