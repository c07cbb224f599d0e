"""Scans under faults: a worker killed half-way, several at once, a worker too many."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connection, connections
from django.utils import timezone

from context.access import SYSTEM
from governance.audit.verification import verify_chain
from governance.drift.scan import progress_of, request_scan
from governance.drift.shards import work_on_scans, worker_slot
from governance.models import AuditEvent, Finding, Scan, ScanShard, ScanState
from tests.cast import Cast, creation, publish
from tests.governance.test_races import together

ROOT = Path(__file__).resolve().parents[3]


def scanning(stopper: Path) -> subprocess.Popen[bytes]:
    """`manage.py scan_drift --full` on the database of the test."""
    at = connection.settings_dict
    account = f"{quote(str(at['USER']))}:{quote(str(at['PASSWORD'] or ''))}"
    url = f"postgresql://{account}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    return subprocess.Popen(
        [sys.executable, "-m", "django", "scan_drift", "--full"],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "tests.governance.drift.slow_settings",
            "PLUMBLINE_DATABASE_ROLE": "web",
            "STOPPER": str(stopper),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_scan__its_process_killed_half_way__the_next_goes_on_and_nothing_is_found_twice(
    committed_db: None, cast: Cast, tmp_path: Path
) -> None:
    publish(cast, creation("legal/cap", body="This is wrong."), creation("sales/price", body="This is wrong."))
    stopper = tmp_path / "stop"
    stopper.touch()
    killed = scanning(stopper)
    until = time.monotonic() + 60
    while not stopper.with_suffix(".reached").exists():
        assert killed.poll() is None, killed.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    done = set(ScanShard.objects.filter(state="done").values_list("domain__slug", flat=True))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert Scan.objects.get().state == ScanState.RUNNING
    assert "sales" not in done
    assert "sales/price" not in Finding.objects.values_list("subject_id", flat=True)

    stopper.unlink()
    _, said = scanning(stopper).communicate(timeout=60)

    scan = Scan.objects.get()
    assert scan.state == ScanState.DONE, said
    assert dict(ScanShard.objects.values_list("domain__slug", "attempts")) == {"legal": 1, "sales": 2}
    assert sorted(Finding.objects.values_list("subject_id", "times_opened")) == [("legal/cap", 1), ("sales/price", 1)]
    assert AuditEvent.objects.filter(action="governance.finding.opened").count() == 2
    assert verify_chain().holds


def test_scan__several_scans_and_workers_at_once__open_each_cause_once(
    committed_db: None, cast: Cast, settings: Any
) -> None:
    settings.DRIFT_DETECTORS = {
        "wrong": "tests.governance.drift.conftest.DETECTOR",
        "paired": "tests.governance.drift.conftest.PAIRED",
    }
    texts = [creation(f"{domain}/cap-{n}", body="This is wrong.") for domain in ("legal", "sales") for n in range(5)]
    publish(cast, *texts)
    now = timezone.now()
    request_scan(actor=SYSTEM, now=now, full=True)
    request_scan(actor=SYSTEM, now=now)
    request_scan(actor=SYSTEM, now=now, full=True, domain=cast.legal)

    outcomes = together(6, lambda _: work_on_scans(clock=timezone.now, at_most=timedelta(minutes=1)))
    work_on_scans(clock=timezone.now, at_most=timedelta(minutes=1))

    assert outcomes == {"done": 6}
    assert set(Scan.objects.values_list("state", flat=True)) == {"done"}
    assert Finding.objects.count() == 20
    assert set(Finding.objects.values_list("times_opened", "state")) == {(1, "open")}
    assert sum(progress_of(scan).opened for scan in Scan.objects.all()) == 20
    assert verify_chain().holds


def test_worker_slot__one_at_a_time__others_do_something_else(committed_db: None, cast: Cast, settings: Any) -> None:
    settings.DRIFT_WORKERS = 1
    with worker_slot() as first:
        assert first
        outcomes = together(1, lambda _: _expect_none_free())
        assert outcomes == {"done": 1}
    with worker_slot() as again:
        assert again


def _expect_none_free() -> None:
    try:
        with worker_slot() as free:
            assert not free
    finally:
        connections.close_all()


def test_shard__that_ends_its_workers__is_given_up(committed_db: None, cast: Cast, settings: Any) -> None:
    settings.DRIFT_DETECTORS = {"wrong": "tests.governance.drift.conftest.DETECTOR"}
    publish(cast, creation("legal/cap", body="This is wrong."))
    scan = request_scan(actor=SYSTEM, now=timezone.now())
    work_on_scans(clock=timezone.now, at_most=timedelta(0))
    ScanShard.objects.filter(scan=scan).update(attempts=4)
    work_on_scans(clock=timezone.now, at_most=timedelta(minutes=1))
    scan.refresh_from_db()
    assert scan.state == ScanState.INCOMPLETE
    assert ScanShard.objects.get(scan=scan).error == "Its worker was ended 4 times."
    assert not Finding.objects.exists()
