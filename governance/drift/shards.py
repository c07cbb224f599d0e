"""Works off the shards of scans: each in one transaction with what it finds, or not at all; must not plan or end any.

A shard is in one hand at a time: a lock of the session, which falls with its worker. Killed half-way, it has done
nothing, and whoever looks next takes it up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from context.access import domain_ids_at_or_below
from context.models import ContextItem
from governance.drift.closing import Reach, resolve_gone
from governance.drift.detectors import Scope, Subjects, detectors
from governance.drift.recording import record_findings
from governance.drift.scan import end_scan, plan_scan
from governance.drift.sharing import once, sharing
from governance.drift.tuning import TunedDetector, tuned_detectors
from governance.models import Scan, ScanShard, ScanState, ShardState

MOST_ATTEMPTS = 4
LONGEST_ERROR = 500
_SHARD_SPACE, _TURN_SPACE, _WORKER_SPACE = 7_246_532, 7_246_533, 7_246_534

log = structlog.get_logger(__name__)


def work_on_scans(*, clock: Callable[[], datetime], at_most: timedelta, scan_id: int | None = None) -> int:
    """Plan, work off and end scans (or that one) until none is left or the time is up. Returns how many shards it did.

    A shard that fails raises, after its failure was written down: the next call goes on with the others.
    """
    until = clock() + at_most
    done = 0
    while True:
        scans = Scan.objects.filter(state__in=ScanState.open_states()).order_by("pk")
        ids = list((scans.filter(pk=scan_id) if scan_id is not None else scans).values_list("pk", flat=True))
        for each in ids:
            plan_scan(scan_id=each, now=clock())
        worked = False
        for each in ids:
            with sharing():
                while clock() < until and _next_shard(each, clock):
                    done, worked = done + 1, True
            end_scan(scan_id=each, now=clock())
        if not worked or clock() >= until:
            return done


@contextmanager
def worker_slot() -> Iterator[bool]:
    """Whether one of DRIFT_WORKERS places is free, held within: other work of the queue has to go on meanwhile."""
    held = next((place for place in range(settings.DRIFT_WORKERS) if _try_lock(_WORKER_SPACE, place)), None)
    try:
        yield held is not None
    finally:
        if held is not None:
            _unlock(_WORKER_SPACE, held)


def _next_shard(scan_id: int, clock: Callable[[], datetime]) -> bool:
    """Work off one pending shard that nobody has in hand. Whether there was one."""
    pending = ScanShard.objects.filter(scan_id=scan_id, state=ShardState.PENDING)
    # Those that failed before come last, so that one bad shard does not keep the others.
    for shard_id in pending.order_by("attempts", "pk").values_list("pk", flat=True):
        if _try_lock(_SHARD_SPACE, shard_id):
            try:
                if _begin(shard_id, clock()):
                    with _failure_noted(shard_id, clock):
                        _work_off(shard_id, clock)
                    return True
            finally:
                _unlock(_SHARD_SPACE, shard_id)
    return False


def _begin(shard_id: int, now: datetime) -> bool:
    """Count the attempt, in a transaction of its own, so that a shard which ends its workers is given up one day."""
    mine = ScanShard.objects.filter(pk=shard_id, state=ShardState.PENDING)
    if mine.filter(attempts__lt=MOST_ATTEMPTS).update(attempts=F("attempts") + 1):
        return True
    mine.update(state=ShardState.FAILED, finished_at=now, error=f"Its worker was ended {MOST_ATTEMPTS} times.")
    return False


@contextmanager
def _failure_noted(shard_id: int, clock: Callable[[], datetime]) -> Iterator[None]:
    """What goes wrong within is written down with the shard, once its transaction is undone, and goes on its way."""
    finished = False
    failure = ""
    try:
        yield
        finished = True
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
        raise
    finally:
        if not finished and failure:
            log.error("a part of a scan failed", shard=shard_id, error=failure)
            shard = ScanShard.objects.filter(pk=shard_id)
            shard.update(error=failure)
            shard.filter(attempts__gte=MOST_ATTEMPTS).update(state=ShardState.FAILED, finished_at=clock())


def _work_off(shard_id: int, clock: Callable[[], datetime]) -> None:
    begun = time.perf_counter()
    with transaction.atomic():
        shard = ScanShard.objects.select_related("scan", "domain").get(pk=shard_id)
        # Two scans take turns at a detector's domain: the later one sees what the earlier one wrote.
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(%s, hashtext(%s))",
                [_TURN_SPACE, f"{shard.detector} {shard.domain_id or ''}"],
            )
        now = clock()
        if shard.detector in detectors():
            # As they were tuned when this process took it up: what is tuned meanwhile, the next scan looks at anew.
            tuned = once("tuned", tuned_detectors)
            _look(shard, tuned[shard.detector], now)
        shard.state, shard.error, shard.finished_at = ShardState.DONE, "", clock()
        shard.seconds = time.perf_counter() - begun
        shard.save()


def _look(shard: ScanShard, tuned: TunedDetector, now: datetime) -> None:
    subjects, reach = _subjects(shard, tuned)
    found = tuned.detector.detect(subjects, now=now, context=tuned.looking(full=shard.scan.full))
    recorded = record_findings(detector=shard.detector, drafts=found, now=now, tuning=tuned.by_domain)
    gone = resolve_gone(detector=shard.detector, reach=reach, seen=recorded.fingerprints, now=now)
    shard.items = len(subjects.item_ids) or len(subjects.domain_ids)
    shard.opened, shard.reopened = len(recorded.opened), len(recorded.reopened)
    shard.changed, shard.resolved = len(recorded.changed), len(gone)
    shard.standing = len(recorded.standing)


def _subjects(shard: ScanShard, tuned: TunedDetector) -> tuple[Subjects, Reach]:
    """What the detector is shown, and how far its silence tells: retired items are in reach and not shown."""
    scope = tuned.detector.scope
    if scope is Scope.ORGANISATION:
        return Subjects(everything=True), Reach()
    if scope is Scope.DOMAIN:
        whole = (shard.domain_id,) if shard.domain_id is not None and tuned.is_on_in(shard.domain_id) else ()
        return Subjects(domain_ids=whole), Reach(domain_ids=whole)
    within: frozenset[int] | None = None
    if shard.domain is not None:
        within = domain_ids_at_or_below([shard.domain]) if scope is Scope.PAIRS else frozenset([shard.domain.pk])
    # Where the detector is switched off it is shown nothing, and its silence says nothing.
    off = frozenset(domain_id for domain_id, tuning in tuned.by_domain.items() if not tuning.enabled)
    if off:
        within = (within if within is not None else frozenset(tuned.by_domain)) - off
    items = ContextItem.objects.not_retired()
    if within is not None:
        items = items.filter(domain_id__in=within)
    if shard.item_ids is not None:
        items = items.filter(pk__in=shard.item_ids)
        elsewhere = ContextItem.objects.filter(pk__in=shard.item_ids, domain_id__in=off) if off else ()
        hidden = {item.pk for item in elsewhere}
        reach = Reach(item_ids=[each for each in shard.item_ids if each not in hidden], either=scope is Scope.PAIRS)
    else:
        items = items.filter(pk__gt=shard.after_id, pk__lte=shard.until_id)
        reach = Reach(
            after_id=shard.after_id,
            until_id=shard.until_id,
            within=sorted(within) if within is not None else None,
            either=scope is Scope.PAIRS,
        )
    everything = scope is Scope.PAIRS and shard.item_ids is None and within is None
    ids = list(items.order_by("pk").values_list("pk", flat=True))
    return Subjects(item_ids=ids, domain_ids=sorted(within or ()), everything=everything), reach


def _try_lock(space: int, number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [space, number % 2**31])
        return bool(cursor.fetchone()[0])


def _unlock(space: int, number: int) -> None:
    if connection.is_usable():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [space, number % 2**31])
