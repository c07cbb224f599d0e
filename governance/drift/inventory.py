"""Finds kinds of text that a domain was declared to have and lacks; must not decide which it should have."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from context.access import domain_ids_at_or_below
from context.models import ContextItem, Domain, Kind
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import FindingDraft, evidence
from governance.models import Severity


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """Two statements, and one for each domain that expects something."""
    names = dict(Kind.objects.values_list("slug", "name"))
    for domain in Domain.objects.filter(pk__in=subjects.domain_ids):
        wanted = [word.strip() for word in str(context.option("expected_kinds", domain.pk)).split(",")]
        expected = [slug for slug in wanted if slug in names]
        if not expected:
            continue
        below = domain_ids_at_or_below([domain])
        present = set(
            ContextItem.objects.not_retired()
            .in_force(now)
            .filter(domain_id__in=below)
            .values_list("kind__slug", flat=True)
            .distinct()
        )
        for slug in expected:
            if slug not in present:
                yield FindingDraft(
                    cause={"domain": domain.slug, "kind": slug},
                    summary=f"{domain.name} has no {names[slug].lower()} in force, and should have one.",
                    evidence=evidence(
                        sentence=f"It was declared that {domain.name} has texts of the kind {names[slug].lower()}.",
                        figures={"In force": 0},
                        kind=slug,
                    ),
                    domain_id=domain.pk,
                    severity=Severity.MEDIUM,
                )


DETECTOR = Detector(
    name="inventory",
    question="Which kinds of text should a domain have and lacks?",
    scope=Scope.DOMAIN,
    detect=detect,
    options=(
        Option(
            name="expected_kinds",
            default="",
            help="Kinds that the domain should have, by their short names, separated by commas: policy, term.",
        ),
    ),
)
