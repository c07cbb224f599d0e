"""Finds what people who left still own, as governance/people.py reports it; must not move anything to others."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from governance.drift.detectors import Detector, Looking, Scope, Subjects
from governance.drift.drafts import FindingDraft, Place
from governance.people import DETECTOR as NAME
from governance.people import departed_owners, sightings_of


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """Four statements. The same findings that the daily look opens."""
    for seen in sightings_of(people=departed_owners()):
        if seen.subject is not None and seen.domain is not None:
            yield FindingDraft(
                cause=seen.cause,
                summary=seen.summary,
                evidence=seen.evidence,
                severity=seen.severity,
                domain_id=seen.domain.pk,
                place=Place(
                    type=seen.subject.type,
                    id=seen.subject.id,
                    label=seen.subject.label,
                    sensitivity=seen.subject.sensitivity,
                ),
            )


DETECTOR = Detector(
    name=NAME,
    question="What do people own who are not here any more?",
    scope=Scope.ORGANISATION,
    detect=detect,
)
