"""`manage.py load_sample`: the sample organisation, once, with sign-ins and keys in a file; holds no rule."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, transaction
from django.utils import timezone

from agents.sample import issue_credentials, registration
from agents.sample_flows import flows
from agents.sample_routing import routing
from context.embeddings import embed_pending
from context.models import ContextItem, Domain, User
from governance.models import Change
from governance.sample.history import live_through
from governance.sample.reading import Sample, read_sample

FOLDER = Path(settings.BASE_DIR) / "sample"
LOADING_LOCK = 7_246_512
EMBED_AT_ONCE = 64


class Command(BaseCommand):
    help = "Load Skerrow Mutual, a marine insurer with two years of history, into an empty database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--credentials", type=Path, required=True, help="where passwords, tokens and keys go")

    def handle(self, *args: Any, credentials: Path, **options: Any) -> None:
        begun = time.monotonic()
        sample = read_sample(FOLDER)
        # One transaction: a loading that is killed leaves nothing behind, and the next one starts over.
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOADING_LOCK])
            there = self._is_there(sample)
            if not there and Domain.objects.exists():
                self.stdout.write(
                    "This database holds another organisation: the sample is for an empty one. Nothing done."
                )
                return
            if not there:
                live_through(
                    sample,
                    now=timezone.now(),
                    also=[registration(sample), *routing(sample), *flows(sample)],
                    progress=self._progress,
                )
        if there and credentials.exists():
            self.stdout.write("Skerrow Mutual is loaded already, and its sign-ins are in the file. Nothing done.")
            self._embed()
            return
        _write(credentials, issue_credentials(sample, now=timezone.now()))
        if there:
            self.stdout.write(f"Skerrow Mutual is loaded already; {credentials} was missing and holds new sign-ins.")
        self._embed()
        if not there:
            self.stdout.write(
                f"Loaded Skerrow Mutual: {ContextItem.objects.count()} texts, {Change.objects.count()} changes, "
                f"{User.objects.count()} people, {len(sample.agents['agents'])} agents "
                f"in {time.monotonic() - begun:.1f} s."
            )

    def _is_there(self, sample: Sample) -> bool:
        first = next(iter(sample.texts))
        return ContextItem.objects.filter(key=first).exists()

    def _embed(self) -> None:
        """Now rather than by the worker, so that the first search finds by meaning; a kill here loses nothing."""
        done = 0
        while batch := embed_pending(EMBED_AT_ONCE):
            done += batch
            self.stdout.write(f"  {done} passages embedded")
            self.stdout.flush()

    def _progress(self, done: int, of: int) -> None:
        if done % 25 == 0 or done == of:
            self.stdout.write(f"  {done} of {of} events")
            self.stdout.flush()


def _write(path: Path, content: dict[str, Any]) -> None:
    """Readable by its owner alone from the first byte, and never half there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
