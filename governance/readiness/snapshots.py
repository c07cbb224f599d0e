"""Keeps the figures of readiness of each day, and gives them back as a line; must not measure them itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction

from context.access import SYSTEM, Principal
from context.models import Domain, Sensitivity
from context.readiness import read_readiness
from governance.models import ReadinessSnapshot
from governance.models.readiness import OVERSIGHT

OVERSEERS = ("auditor", "administrator")
LONGEST_DAYS = 366


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One measure over days that were kept, the oldest first."""

    name: str
    days: tuple[date, ...]
    values: tuple[float, ...]


def take_snapshot(*, now: datetime) -> int:
    """Keep the figures of today, once: a second call replaces nothing. Returns how many rows were added."""
    day = now.date()
    if ReadinessSnapshot.objects.filter(day=day, domain=None, clearance=OVERSIGHT).exists():
        return 0
    made: list[ReadinessSnapshot] = []
    readers = {int(level): _reader(int(level)) for level in Sensitivity} | {OVERSIGHT: SYSTEM}
    for clearance, principal in readers.items():
        found = read_readiness(principal=principal, now=now)
        for place, figures in found.figures.items():
            kept = {name: value for name, value in figures.items() if value is not None}
            made.append(ReadinessSnapshot(day=day, domain_id=place, clearance=clearance, figures=kept, taken_at=now))
    with transaction.atomic():
        ReadinessSnapshot.objects.bulk_create(made, ignore_conflicts=True)
    return len(made)


def lines_of(
    *, principal: Principal, domain: Domain | None, names: Sequence[str], now: datetime, days: int = 90
) -> dict[str, Line]:
    """These measures over the last days, as far as the principal may know of them. One query."""
    oversees = any(principal.has_role(role) for role in OVERSEERS)
    clearance = OVERSIGHT if oversees and principal.clearance >= Sensitivity.RESTRICTED else principal.clearance
    since = now.date() - timedelta(days=min(days, LONGEST_DAYS))
    rows = ReadinessSnapshot.objects.filter(domain=domain, clearance=clearance, day__gte=since).order_by("day")
    kept = list(rows.values_list("day", "figures"))
    found = {}
    for name in names:
        points = [(day, figures[name]) for day, figures in kept if figures.get(name) is not None]
        found[name] = Line(
            name=name, days=tuple(day for day, _ in points), values=tuple(float(value) for _, value in points)
        )
    return found


def _reader(clearance: int) -> Principal:
    """Anybody of that clearance: in no audience, of no role."""
    return Principal(kind="person", id=0, label="anybody", clearance=clearance)
