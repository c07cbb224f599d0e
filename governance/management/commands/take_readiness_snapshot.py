"""`manage.py take_readiness_snapshot`: keeps today's figures of readiness, once; must hold no rule."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from governance.readiness.snapshots import take_snapshot


class Command(BaseCommand):
    help = "Keep today's figures of readiness, which the schedule does once a day by itself."

    def handle(self, *args: Any, **options: Any) -> None:
        kept = take_snapshot(now=timezone.now())
        self.stdout.write(f"Kept {kept} rows." if kept else "Today's figures are kept already. Nothing done.")
