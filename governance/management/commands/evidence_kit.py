"""`manage.py evidence_kit`: the evidence of a period or an item in one archive; must hold no rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from context.errors import DomainError
from governance.audit.evidence import write_kit
from governance.management.commands._acting import acting_principal, add_acting, moment


class Command(BaseCommand):
    help = "Pack versions, changes, approvals, policies, receipts and proofs of an item or a period into one ZIP file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--item", default="", metavar="KEY")
        parser.add_argument("--since", type=moment)
        parser.add_argument("--until", type=moment)
        parser.add_argument("--out", type=Path, required=True, metavar="FILE.zip")
        add_acting(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        partial = out.with_name(out.name + ".partial")
        try:
            with partial.open("wb") as file:
                kit = write_kit(
                    principal=acting_principal(options["acting"]),
                    out=file,
                    now=timezone.now(),
                    key=options["item"],
                    since=options["since"],
                    until=options["until"],
                )
            partial.replace(out)
        except DomainError as refusal:
            raise CommandError(" ".join(filter(None, (refusal.detail, refusal.fix)))) from refusal
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}.") from error
        finally:
            partial.unlink(missing_ok=True)
        self.stdout.write(
            f"{out}: {len(kit.files)} files, {kit.events} events, proved by the checkpoint at {kit.checkpoint}."
        )
