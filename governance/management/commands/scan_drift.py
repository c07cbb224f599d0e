"""`manage.py scan_drift`: looks for drift now, in this process, and says what it found; must hold no rule."""

from __future__ import annotations

import json
import resource
import time
from collections import defaultdict
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from context.errors import DomainError
from context.models import Domain
from governance.drift.scan import progress_of, request_scan
from governance.drift.shards import work_on_scans
from governance.drift.sharing import sharing
from governance.management.commands._acting import acting_principal, add_acting
from governance.management.progress import Progress
from governance.models import ScanShard, ScanState, ShardState

STEP = timedelta(seconds=5)
PAUSE = 0.2


class Command(BaseCommand):
    help = "Look for drift: in what changed since the last scan, or with --full in everything."

    def add_arguments(self, parser: CommandParser) -> None:
        add_acting(parser)
        parser.add_argument("--full", action="store_true", help="look at everything, not only at what changed")
        parser.add_argument("--domain", metavar="SLUG", help="only in this domain and below it")
        parser.add_argument("--json", action="store_true", help="print what came of it as JSON")
        parser.add_argument(
            "--detector", action="append", default=[], metavar="NAME", help="only this detector; may be repeated"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        domain = None
        if options["domain"]:
            domain = Domain.objects.filter(slug=options["domain"]).first()
            if domain is None:
                raise CommandError(f"There is no domain {options['domain']!r}.")
        begun = time.perf_counter()
        try:
            scan = request_scan(
                actor=acting_principal(options["acting"]),
                now=timezone.now(),
                full=options["full"],
                domain=domain,
                names=options["detector"],
            )
        except DomainError as refusal:
            raise CommandError(" ".join(filter(None, (refusal.detail, refusal.fix)))) from refusal
        show = Progress(self.stderr)  # type: ignore[arg-type]
        with sharing():
            while scan.state in ScanState.open_states():
                if not work_on_scans(clock=timezone.now, at_most=STEP, scan_id=scan.pk):
                    time.sleep(PAUSE)  # what is left is in other workers' hands
                scan.refresh_from_db()
                progress = progress_of(scan)
                show("Scanning", progress.done + progress.failed, progress.shards)
        progress = progress_of(scan)
        if options["json"]:
            seconds: dict[str, float] = defaultdict(float)
            for shard in scan.shards.all():
                seconds[shard.detector] += shard.seconds
            self.stdout.write(
                json.dumps(
                    {
                        "scan": scan.pk,
                        "state": scan.state,
                        **asdict(progress),
                        "seconds": round(time.perf_counter() - begun, 3),
                        # Kilobytes on Linux.
                        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
                        "detectors": {name: round(took, 3) for name, took in seconds.items()},
                    }
                )
            )
        else:
            self.stdout.write(
                f"Scan {scan.pk}: {progress.opened} opened, {progress.reopened} reopened, {progress.changed} changed, "
                f"{progress.resolved} resolved, {progress.standing} unchanged, in {progress.seconds:.1f} s of work."
            )
        failed = ScanShard.objects.filter(scan=scan, state=ShardState.FAILED)
        if failed:
            names = ", ".join(sorted({shard.detector for shard in failed}))
            raise CommandError(f"Parts of it failed and will be looked at again by the next scan: {names}.")
