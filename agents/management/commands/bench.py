"""`manage.py bench <what>`: measures one part of the product against what it is built on, and prints a table."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.module_loading import import_string

# Each: a function of items, clients, seconds and `say` that returns a report.
BENCHMARKS = {
    "audit": "agents.benchmarks.audit.run",
    "bundles": "agents.benchmarks.bundles.run",
    "consistency": "agents.benchmarks.consistency.run",
    "drift": "agents.benchmarks.drift.run",
    "ingest": "agents.benchmarks.ingest.run",
    "routing": "agents.benchmarks.routing.run",
}


class Command(BaseCommand):
    help = "Measure one part on synthetic data in a scratch database that is dropped afterwards."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=sorted(BENCHMARKS))
        parser.add_argument("--items", type=int, default=1_000, help="items in the scratch database (60 or more)")
        parser.add_argument("--clients", type=int, default=8, help="clients at once")
        parser.add_argument("--seconds", type=float, default=3.0, help="how long each case is timed")
        parser.add_argument("--minutes", type=float, help="the same in minutes, for `consistency`")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        report = import_string(BENCHMARKS[options["what"]])(
            items=max(60, options["items"]),
            clients=max(1, options["clients"]),
            seconds=options["minutes"] * 60 if options["minutes"] else max(0.2, options["seconds"]),
            say=lambda line: self.stderr.write(f"  {line} …"),
        ).as_json()
        if options["json"]:
            self.stdout.write(json.dumps(report, indent=1))
            return
        self.stdout.write(f"{'case':<32} {'p50 ms':>9} {'p99 ms':>9} {'per second':>11}")
        for name, timing in report["cases"].items():
            self.stdout.write(
                f"{name:<32} {timing['p50_ms']:>9.2f} {timing['p99_ms']:>9.2f} {timing['per_second']:>11,.0f}"
            )
        self.stdout.write(f"\n{'ratio':<42} {'':>9}")
        for name, value in report["ratios"].items():
            self.stdout.write(f"{name:<42} {value:>9.2f}")
        self.stdout.write(f"\n{', '.join(f'{name} {value}' for name, value in report['setting'].items())}")
