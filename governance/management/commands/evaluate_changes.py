"""`manage.py evaluate_changes FILE.jsonl`: how well changes of substance are told from changes of form."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from context.errors import DomainError
from governance.drift.material_quality import Figure, Quality, measure


class Command(BaseCommand):
    help = (
        "Judge labelled pairs of passages (old, new, label, material; one JSON object a line; or OWASP's mapping "
        "between versions of ASVS) and print precision, recall and F1 for changes of substance and for each label."
    )
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--errors", type=int, default=0, metavar="N", help="also print the first N misjudged rows")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            quality = measure(options["file"])
        except DomainError as error:
            raise CommandError(f"{error.detail} {error.fix or ''}".strip()) from error
        if options["json"]:
            self.stdout.write(json.dumps(quality.as_json()))
            return
        self.stdout.write(f"{quality.rows:,} rows")
        self.stdout.write(f"{'':<18} {'precision':>9} {'recall':>9} {'F1':>9} {'rows':>7}")
        self._line("material", quality.material)
        for label, figure in quality.labels.items():
            self._line(label, figure)
        self._print_errors(quality, options["errors"])

    def _line(self, name: str, figure: Figure) -> None:
        self.stdout.write(
            f"{name:<18} {figure.precision:>9.3f} {figure.recall:>9.3f} {figure.f1:>9.3f} {figure.support:>7,}"
        )

    def _print_errors(self, quality: Quality, count: int) -> None:
        for row, found in quality.wrong[: max(0, count)]:
            judged = "substantive" if found.material else "editorial"
            self.stdout.write(f"\nline {row.line}: labelled {row.material}, judged {judged}. {found.why}")
            self.stdout.write(f"  old: {_short(row.old)}\n  new: {_short(row.new)}")


def _short(text: str) -> str:
    line = " ".join(text.split()).encode("utf-8", "replace").decode()
    return line if len(line) <= 300 else f"{line[:297]}…"
