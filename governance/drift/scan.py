"""Scans: asked for, cut into shards, ended; must not look at any text (shards.py does).

A scan is a row; planning turns it into shards, and each shard is worked off in a transaction of its own together with
what it found. So nothing is lost with a worker or the broker: whoever comes next goes on with what is pending.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q, Sum

from context.access import SYSTEM, Principal, domain_ids_at_or_below
from context.errors import NotFound, NotPermitted
from context.models import Domain
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.drift.changed import ledger_head
from governance.drift.detectors import UnknownDetector, detectors
from governance.drift.planning import Plan
from governance.drift.tuning import tuned_detectors
from governance.models import Scan, ScanMark, ScanShard, ScanState, ShardState

SCANNING_ROLES = ("steward", "domain_owner", "administrator")
SHARDS_KEPT = timedelta(days=90)
_REQUEST_LOCK = 7_246_531


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a scan is, and what came of it so far."""

    shards: int
    done: int
    failed: int
    items: int
    opened: int
    reopened: int
    changed: int
    resolved: int
    standing: int
    seconds: float

    @property
    def share(self) -> float:
        return (self.done + self.failed) / self.shards if self.shards else 0.0


def request_scan(
    *,
    actor: Principal,
    now: datetime,
    full: bool = False,
    domain: Domain | None = None,
    names: Sequence[str] = (),
) -> Scan:
    """Ask for a scan by these detectors, or all. One that waits or runs for the same is given instead of a second."""
    known = detectors()
    for name in names:
        if name not in known:
            raise UnknownDetector(
                f"There is no detector {name[:40]!r}.", field="detectors", fix=f"Take of: {', '.join(known)}."
            )
    wanted = [name for name in known if not names or name in names]
    where = ledger.Subject(type="domain", id=domain.slug if domain else "", label=domain.name if domain else "all")
    with denials_recorded(actor=actor, action="governance.scan.request", subject=lambda: where, now=now):
        if not may_scan(actor, domain):
            raise NotPermitted(
                f"You may not scan {domain.name if domain else 'every domain'}.",
                field="domain",
                fix="Administrators may, and who answers for the domain.",
            )
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_REQUEST_LOCK])
        same = Scan.objects.filter(state__in=ScanState.open_states(), full=full, domain=domain, detectors=wanted)
        if (running := same.first()) is not None:
            return running
        scan = Scan.objects.create(
            full=full,
            domain=domain,
            detectors=wanted,
            requested_by_id=actor.id if actor.kind == "person" else None,
            requested_at=now,
        )
        ledger.append(
            actor=actor,
            action="governance.scan.requested",
            subject=subject_of(scan),
            now=now,
            data={"full": full, "domain": domain.slug if domain else None, "detectors": wanted},
        )
    return scan


def may_scan(actor: Principal, domain: Domain | None) -> bool:
    """Administrators and who answers for the domain; the installation itself."""
    if actor.kind == "system":
        return True
    domain_id = domain.pk if domain is not None else None
    return actor.kind == "person" and any(actor.has_role(role, domain_id) for role in SCANNING_ROLES)


def scan_of(*, principal: Principal, scan_id: int) -> Scan:
    """The scan, where the principal may see it; NotFound otherwise."""
    found = Scan.objects.visible_to(principal).select_related("domain", "requested_by").filter(pk=scan_id).first()
    if found is None:
        raise NotFound(f"There is no scan {scan_id}.")
    return found


def progress_of(scan: Scan) -> Progress:
    """One query."""
    sums = scan.shards.aggregate(
        shards=Count("pk"),
        done=Count("pk", filter=Q(state=ShardState.DONE)),
        failed=Count("pk", filter=Q(state=ShardState.FAILED)),
        **{name: Sum(name, default=0) for name in ("items", "opened", "reopened", "changed", "resolved", "standing")},
        seconds=Sum("seconds", default=0.0),
    )
    return Progress(**sums)


def subject_of(scan: Scan) -> ledger.Subject:
    where = scan.domain.name if scan.domain is not None else "all domains"
    return ledger.Subject(type="scan", id=str(scan.pk), label=f"{'Full scan' if scan.full else 'Scan'} of {where}")


def request_due_scan(*, now: datetime) -> Scan | None:
    """The scan of the schedule, where it is time for one: incremental, and full every so many days."""
    if not settings.DRIFT_SCAN_MINUTES:
        return None
    whole = Scan.objects.filter(domain=None)
    latest = whole.order_by("-requested_at").first()
    if latest is not None and now - latest.requested_at < timedelta(minutes=settings.DRIFT_SCAN_MINUTES):
        return None
    full = whole.filter(full=True).order_by("-requested_at").first()
    due = full is None or now - full.requested_at >= timedelta(days=settings.DRIFT_FULL_SCAN_DAYS)
    return request_scan(actor=SYSTEM, now=now, full=due)


def plan_scan(*, scan_id: int, now: datetime) -> None:
    """Cut a waiting scan into shards; nothing where somebody else did."""
    with transaction.atomic():
        scan = Scan.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=scan_id).first()
        if scan is None or scan.state != ScanState.WAITING:
            return
        # First the head, then the texts: what is published meanwhile is looked at twice rather than never.
        scan.ledger_sequence, scan.planned_at = ledger_head(), now
        tuned = tuned_detectors([name for name in scan.detectors if name in settings.DRIFT_DETECTORS])
        within = _domains_of(scan)
        plan = Plan(scan=scan, within=within, now=now)
        shards = [shard for each in tuned.values() for shard in plan.shards(each)]
        ScanShard.objects.bulk_create(shards, batch_size=500)
        scan.marks = [
            [name, domain_id, each.judged_by(domain_id)]
            for name, each in tuned.items()
            for domain_id in sorted(within)
            if each.is_on_in(domain_id)
        ]
        scan.state, scan.items = ScanState.RUNNING, plan.items_in_reach()
        scan.save(update_fields=["ledger_sequence", "planned_at", "marks", "state", "items"])


def end_scan(*, scan_id: int, now: datetime) -> bool:
    """End a scan that has nothing left to do, and note how far it looked. Whether it has ended."""
    with transaction.atomic():
        scan = Scan.objects.select_for_update(of=("self",)).select_related("domain").get(pk=scan_id)
        if scan.state not in ScanState.open_states():
            return True
        if scan.state != ScanState.RUNNING or scan.shards.filter(state=ShardState.PENDING).exists():
            return False
        failed = sorted(set(scan.shards.filter(state=ShardState.FAILED).values_list("detector", flat=True)))
        _set_marks(scan, failed)
        scan.state, scan.finished_at = (ScanState.INCOMPLETE if failed else ScanState.DONE), now
        scan.save(update_fields=["state", "finished_at"])
        progress = progress_of(scan)
        # How the work of old scans went is of no use to anybody; that they were, stays.
        ScanShard.objects.filter(scan__finished_at__lt=now - SHARDS_KEPT).delete()
        ledger.append(
            actor=SYSTEM,
            action="governance.scan.ended",
            subject=subject_of(scan),
            now=now,
            data={
                "state": scan.state,
                "opened": progress.opened,
                "reopened": progress.reopened,
                "resolved": progress.resolved,
                "failed": failed,
            },
        )
    return True


def _domains_of(scan: Scan) -> set[int]:
    if scan.domain is not None:
        return set(domain_ids_at_or_below([scan.domain]))
    return set(Domain.objects.values_list("pk", flat=True))


def _set_marks(scan: Scan, failed: Iterable[str]) -> None:
    """Where a part failed, the next scan has to look again: there the marks stay where they were."""
    missed = set(failed)
    rows = [
        ScanMark(
            detector=name,
            domain_id=domain_id,
            ledger_sequence=scan.ledger_sequence or 0,
            looked_at=scan.planned_at or scan.requested_at,
            judged_by=judged_by,
        )
        for name, domain_id, judged_by in scan.marks
        if name not in missed
    ]
    ScanMark.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["detector", "domain"],
        update_fields=["ledger_sequence", "looked_at", "judged_by"],
    )
