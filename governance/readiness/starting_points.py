"""Which kinds of text a function should have to begin with, laid down as owned slots; must not write any text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from context.errors import InvalidInput
from context.models import Domain, User
from governance.drift.closing import Reach, resolve_gone
from governance.drift.detectors import Subjects
from governance.drift.recording import record_findings
from governance.drift.tuning import tune_detector, tuned_detectors
from governance.models import DetectorSetting

DETECTOR = "inventory"
# What agents of such a function ask for first, by the short names of kinds.
STARTING_POINTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sales": ("Sales", ("term", "policy", "process", "guideline", "precedent")),
    "finance": ("Finance", ("term", "policy", "risk_appetite", "approval_flow", "process")),
    "hr": ("HR", ("policy", "process", "org_unit", "approval_flow")),
    "marketing": ("Marketing", ("term", "guideline", "approval_flow", "reference")),
    "legal": ("Legal", ("term", "policy", "risk_appetite", "precedent", "reference")),
}


def expected_kinds(domain: Domain) -> tuple[str, ...]:
    """The kinds that this domain, or one above it, was declared to have."""
    said = tuned_detectors([DETECTOR])[DETECTOR].by_domain[domain.pk].options.get("expected_kinds", "")
    return tuple(word.strip() for word in str(said).split(",") if word.strip())


def lay_down(*, actor: User, domain: Domain, function: str, now: datetime) -> tuple[str, ...]:
    """Expect the kinds of that function in the domain, besides those expected already. What is missing becomes a
    finding of who answers for the domain at once: an empty, owned slot. Returns the kinds that were added.
    """
    if function not in STARTING_POINTS:
        raise InvalidInput(
            "There are no starting points of that name.", field="function", fix=f"Use {', '.join(STARTING_POINTS)}."
        )
    before = expected_kinds(domain)
    added = tuple(kind for kind in STARTING_POINTS[function][1] if kind not in before)
    kept = DetectorSetting.objects.filter(detector=DETECTOR, domain=domain).first()
    tune_detector(
        actor=actor,
        detector=DETECTOR,
        domain=domain,
        enabled=True,
        severity=kept.severity if kept is not None else None,
        hold_back=kept.hold_back if kept is not None else False,
        options={"expected_kinds": ",".join((*before, *added))},
        now=now,
    )
    _open_slots(domain, now)
    return added


def _open_slots(domain: Domain, now: datetime) -> None:
    """Ask the detector about this domain now, rather than at the next scan."""
    tuned = tuned_detectors([DETECTOR])[DETECTOR]
    subjects = Subjects(domain_ids=[domain.pk])
    found = tuned.detector.detect(subjects, now=now, context=tuned.looking(full=False))
    recorded = record_findings(detector=DETECTOR, drafts=found, now=now, tuning=tuned.by_domain)
    resolve_gone(detector=DETECTOR, reach=Reach(domain_ids=[domain.pk]), seen=recorded.fingerprints, now=now)
