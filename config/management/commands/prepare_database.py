"""What each start asks of the owner of the tables, in one process: the schema, then the application's rights."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Apply all migrations, then grant the application's database role its rights (run as the owner)."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, stdout=self.stdout, stderr=self.stderr)
        call_command("grant_web_role", stdout=self.stdout, stderr=self.stderr)
