"""`manage.py verify_audit`: checks the audit ledger and names the first broken event; must not write."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.audit.verification import verify_chain


class Command(BaseCommand):
    help = "Check the hash chain of the audit ledger; exit 1 and name the first broken event where it does not hold."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the verdict as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = verify_chain()
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "holds": verdict.holds,
                        "checked": verdict.checked,
                        "head": {"sequence": verdict.head_sequence, "hash": verdict.head_hash},
                        "broken": None
                        if verdict.holds
                        else {"sequence": verdict.broken_sequence, "reason": verdict.reason},
                        "seconds": round(verdict.seconds, 3),
                        "notes": list(verdict.notes),
                    }
                )
            )
        if not verdict.holds:
            raise CommandError(f"The ledger is broken at event {verdict.broken_sequence}: {verdict.reason}.")
        if not options["json"]:
            self.stdout.write(
                f"The ledger holds: {verdict.checked} events checked in {verdict.seconds:.2f} s, "
                f"head {verdict.head_sequence} {verdict.head_hash[:16]}…"
            )
            for note in verdict.notes:
                self.stdout.write(f"Note: {note}")
