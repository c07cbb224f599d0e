"""`manage.py audit_checkpoint`: signs the head of the ledger now; must not write events."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from governance.audit.checkpoints import LedgerBroken, make_checkpoint, write_files


class Command(BaseCommand):
    help = "Sign a checkpoint of the audit ledger and write the checkpoint files that are missing."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            checkpoint = make_checkpoint(now=timezone.now())
        except LedgerBroken as broken:
            raise CommandError(f"Nothing was signed. {broken.detail}") from broken
        if checkpoint is None:
            self.stdout.write("The ledger is empty: there is nothing to sign.")
            return
        written = write_files()
        self.stdout.write(f"Signed at event {checkpoint.sequence}, Merkle root {checkpoint.merkle_root}.")
        for path in written:
            self.stdout.write(f"  {path}")
