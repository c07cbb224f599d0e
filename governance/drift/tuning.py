"""How each detector is tuned for each domain, and the one way to tune it; must not detect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from context.access import Principal, principal_for
from context.digests import digest_of
from context.errors import InvalidInput, NotPermitted
from context.models import Domain, User
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.configuration import record_configuration_change
from governance.drift.detectors import Detector, Looking, Option, OptionValue, detector_named, detectors
from governance.models import DetectorSetting, Severity

LONGEST_OPTION = 500
DEEPEST_TREE = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning:
    """What holds for one detector in one domain. `options` are all of its options, tuned or its own."""

    options: Mapping[str, OptionValue]
    enabled: bool = True
    severity: Severity | None = None
    hold_back: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TunedDetector:
    """A detector with its tuning: everywhere, and for each domain there is."""

    detector: Detector
    everywhere: Tuning
    by_domain: Mapping[int, Tuning]

    def for_domain(self, domain_id: int | None) -> Tuning:
        return self.by_domain.get(domain_id or 0, self.everywhere)

    def is_on_in(self, domain_id: int | None) -> bool:
        return self.for_domain(domain_id).enabled

    def looking(self, *, full: bool) -> Looking:
        return Looking(
            full=full,
            tuned={domain_id: tuning.options for domain_id, tuning in self.by_domain.items()},
            defaults=self.everywhere.options,
        )

    def judged_by(self, domain_id: int | None) -> str:
        """A digest of all that makes this detector judge here as it does."""
        tuning = self.for_domain(domain_id)
        return digest_of({"version": self.detector.version, "options": dict(tuning.options), "on": tuning.enabled})


def tuned_detectors(names: Iterable[str] | None = None) -> dict[str, TunedDetector]:
    """These detectors, or all, as they are tuned now. Two queries."""
    wanted = {name: detector_named(name) for name in names} if names is not None else detectors()
    parents = dict(Domain.objects.values_list("pk", "parent_id"))
    rows = {(row.detector, row.domain_id): row for row in DetectorSetting.objects.filter(detector__in=wanted)}
    found = {}
    for name, detector in wanted.items():
        found[name] = TunedDetector(
            detector=detector,
            everywhere=_tuning(detector, rows.get((name, None))),
            by_domain={
                domain_id: _tuning(detector, *_rows_above(name, domain_id, parents, rows)) for domain_id in parents
            },
        )
    return found


def may_tune(principal: Principal, domain: Domain | None) -> bool:
    """Administrators, and for a domain its owner and stewards."""
    if principal.kind != "person":
        return False
    domain_id = domain.pk if domain is not None else None
    return any(principal.has_role(role, domain_id) for role in ("administrator", "steward", "domain_owner"))


def tune_detector(
    *,
    actor: User,
    detector: str,
    domain: Domain | None,
    enabled: bool,
    severity: int | None,
    hold_back: bool,
    options: Mapping[str, OptionValue],
    now: datetime,
) -> DetectorSetting:
    """Set what holds for a detector in a domain and below it, or everywhere. `options` name only what differs."""
    principal = principal_for(actor)
    known = detector_named(detector)
    where = domain.slug if domain is not None else "every domain"
    with denials_recorded(
        actor=principal,
        action="governance.detectorsetting",
        subject=lambda: ledger.Subject(type="detector", id=detector[:40], label=f"{detector[:40]} in {where}"),
        now=now,
    ):
        if not may_tune(principal, domain):
            raise NotPermitted(
                f"You may not tune detectors in {where}.", fix="Administrators may, and who answers for the domain."
            )
    if severity is not None and severity not in Severity.values:
        raise InvalidInput("That is not a severity.", field="severity", fix="Use a number from 1 to 4.")
    checked = {name: _checked(known, name, value) for name, value in options.items()}
    with transaction.atomic():
        row = DetectorSetting.objects.select_for_update().filter(detector=detector, domain=domain).first()
        verb = "changed" if row is not None else "created"
        row = row or DetectorSetting(detector=detector, domain=domain)
        before = (row.enabled, row.severity, row.hold_back, row.options)
        row.enabled, row.severity, row.hold_back, row.options = enabled, severity, hold_back, checked
        if verb == "created" or before != (enabled, severity, hold_back, checked):
            record_configuration_change(actor=actor, instance=row, verb=verb, write=row.save, now=now)
    return row


def _rows_above(
    name: str,
    domain_id: int,
    parents: Mapping[int, int | None],
    rows: Mapping[tuple[str, int | None], DetectorSetting],
) -> list[DetectorSetting | None]:
    """The settings from everywhere down to the domain; a nearer one overrules what it says."""
    chain: list[DetectorSetting | None] = []
    at: int | None = domain_id
    for _ in range(DEEPEST_TREE):
        if at is None:
            break
        chain.append(rows.get((name, at)))
        at = parents.get(at)
    return [rows.get((name, None)), *reversed(chain)]


def _tuning(detector: Detector, *rows: DetectorSetting | None) -> Tuning:
    options: dict[str, OptionValue] = detector.defaults
    nearest: DetectorSetting | None = None
    for row in rows:
        if row is not None:
            nearest = row
            options |= {name: value for name, value in row.options.items() if name in options}
    if nearest is None:
        return Tuning(options=options)
    return Tuning(
        options=options,
        enabled=nearest.enabled,
        severity=Severity(nearest.severity) if nearest.severity is not None else None,
        hold_back=nearest.hold_back,
    )


def _checked(detector: Detector, name: str, value: OptionValue) -> OptionValue:
    option = next((option for option in detector.options if option.name == name), None)
    if option is None:
        names = ", ".join(each.name for each in detector.options) or "none"
        raise InvalidInput(f"{detector.name} has no option {name[:40]!r}.", field="options", fix=f"It has: {names}.")
    if isinstance(option.default, bool):
        if not isinstance(value, bool):
            raise _not(option, "yes or no")
    elif isinstance(option.default, int | float):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _not(option, "a number")
        if isinstance(option.default, int) and value != int(value):
            raise _not(option, "a whole number")
        low, high = option.least, option.most
        if (low is not None and value < low) or (high is not None and value > high):
            raise _not(option, f"from {low} to {high}", limit=high if low is None or value >= low else low)
    elif not isinstance(value, str) or len(value) > LONGEST_OPTION:
        raise _not(option, f"text of up to {LONGEST_OPTION} characters", limit=LONGEST_OPTION)
    return value


def _not(option: Option, what: str, limit: float | None = None) -> InvalidInput:
    return InvalidInput(
        f"{option.name} must be {what}.",
        field=f"options.{option.name}",
        limit=str(limit) if limit is not None else None,
        fix=option.help,
    )
