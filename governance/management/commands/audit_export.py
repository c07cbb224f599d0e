"""`manage.py audit_export FILE`: writes the ledger to a file that proves itself; must hold no rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from context.errors import DomainError
from governance.audit.export import FORMATS, begin_export, export_lines
from governance.audit.reading import EventFilters
from governance.management.commands._acting import acting_principal, add_acting, moment


class Command(BaseCommand):
    help = "Export the audit ledger: JSON Lines that verify_export.py proves, CSV or OCSF."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--format", choices=sorted(FORMATS), default="jsonl")
        for name in ("actor", "action", "subject", "about"):
            parser.add_argument(f"--{name}", default="")
        parser.add_argument("--since", type=moment)
        parser.add_argument("--until", type=moment)
        add_acting(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("actor", "action", "subject", "about", "since", "until")
        try:
            export = begin_export(
                principal=acting_principal(options["acting"]),
                filters=EventFilters(**{name: options[name] for name in names}),
                format=options["format"],
                now=timezone.now(),
            )
            with options["file"].open("wb") as file:
                for chunk in export_lines(export, format=options["format"]):
                    file.write(chunk)
        except DomainError as refusal:
            raise CommandError(refusal.detail) from refusal
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"Exported up to event {export.checkpoint.sequence} to {options['file']}.")
