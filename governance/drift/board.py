"""The findings one may see, filtered, counted by severity and owner, in the order to work on them; must not write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from context.access import Principal, domain_ids_at_or_below
from context.models import Domain, User
from governance.models import Finding, FindingState, Severity

OWNERS_SHOWN = 12
NOBODY = "nobody"
ME = "me"
WAITING, EXCEPTED = "", "excepted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """What is asked for; empty is any. `state` empty: unsettled and not excepted. `owner` a username, me or nobody."""

    state: str = WAITING
    severity: int | None = None
    owner: str = ""
    detector: str = ""
    domain: str = ""
    overdue: bool = False

    @property
    def chosen(self) -> bool:
        return self != Filters()


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnerLine:
    """One owner's unsettled findings by severity, the gravest first. `username` is empty where nobody owns them."""

    username: str
    name: str
    counts: tuple[tuple[int, int], ...]
    total: int
    overdue: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """What the page of findings says before its list."""

    unsettled: int
    grave: int
    overdue: int
    by_severity: tuple[tuple[int, int], ...]
    owners: tuple[OwnerLine, ...]
    more_owners: int


def filtered(*, principal: Principal, filters: Filters, now: datetime) -> QuerySet[Finding]:
    """The findings that fit, the gravest first, then what is due first. No query but one for a domain."""
    found = Finding.objects.visible_to(principal)
    if filters.state == WAITING:
        found = found.awaiting(now)
    elif filters.state == EXCEPTED:
        found = found.unsettled().filter(excepted_until__gt=now)
    else:
        found = found.filter(state=filters.state)
    if filters.severity is not None:
        found = found.filter(severity=filters.severity)
    if filters.owner == NOBODY:
        found = found.filter(owner__isnull=True)
    elif filters.owner == ME:
        found = found.filter(owner_id=principal.id)
    elif filters.owner:
        found = found.filter(owner__username=filters.owner)
    if filters.detector:
        found = found.filter(detector=filters.detector)
    if filters.domain:
        roots = Domain.objects.filter(slug=filters.domain)
        found = found.filter(domain_id__in=domain_ids_at_or_below(roots))
    if filters.overdue:
        found = found.filter(due_at__lt=now)
    return found.order_by("-severity", "due_at", "pk")


def board(*, principal: Principal, now: datetime) -> Board:
    """Two queries, however many findings there are."""
    waiting = Finding.objects.visible_to(principal).awaiting(now)
    rows = (
        waiting.order_by()
        .values("owner__username", "owner_id", "severity")
        .annotate(count=Count("pk"), late=Count("pk", filter=Q(due_at__lt=now)))
    )
    names = {
        person.pk: person.display_name
        for person in User.objects.filter(pk__in={row["owner_id"] for row in rows if row["owner_id"]})
    }
    severities = sorted((int(severity) for severity in Severity), reverse=True)
    lines: dict[int | None, dict[int, tuple[int, int]]] = {}
    usernames: dict[int | None, str] = {}
    for row in rows:
        lines.setdefault(row["owner_id"], {})[row["severity"]] = (row["count"], row["late"])
        usernames[row["owner_id"]] = row["owner__username"] or ""
    owners = [
        _line(usernames[owner], names.get(owner or 0, "Nobody"), counts, severities) for owner, counts in lines.items()
    ]
    owners.sort(key=lambda line: (*(-count for _, count in line.counts), line.name))
    totals = {severity: sum(counts.get(severity, (0, 0))[0] for counts in lines.values()) for severity in severities}
    return Board(
        unsettled=sum(totals.values()),
        grave=sum(count for severity, count in totals.items() if severity >= Severity.HIGH),
        overdue=sum(line.overdue for line in owners),
        by_severity=tuple(totals.items()),
        owners=tuple(owners[:OWNERS_SHOWN]),
        more_owners=max(0, len(owners) - OWNERS_SHOWN),
    )


def _line(username: str, name: str, counts: Mapping[int, tuple[int, int]], severities: Sequence[int]) -> OwnerLine:
    return OwnerLine(
        username=username,
        name=name,
        counts=tuple((severity, counts.get(severity, (0, 0))[0]) for severity in severities),
        total=sum(count for count, _ in counts.values()),
        overdue=sum(late for _, late in counts.values()),
    )


def choices(*, principal: Principal) -> Mapping[str, list[tuple[str, str]]]:
    """What the filters can be set to, as far as the reader knows of it. Three queries."""
    visible = Finding.objects.visible_to(principal).order_by()
    owners = User.objects.filter(pk__in=visible.values("owner_id"))
    domains = Domain.objects.filter(pk__in=visible.values("domain_id"))
    return {
        "owner": [(person.username, person.display_name) for person in owners.order_by("first_name", "username")],
        "domain": [(domain.slug, domain.name) for domain in domains.order_by("name")],
        "detector": [(name, name) for name in sorted(set(visible.values_list("detector", flat=True)))],
        "state": [
            (WAITING, "waiting for somebody"),
            (FindingState.OPEN, "open"),
            (FindingState.ACKNOWLEDGED, "in hand"),
            (EXCEPTED, "excepted for now"),
            (FindingState.RESOLVED, "resolved"),
            (FindingState.DISMISSED, "dismissed"),
        ],
    }
