"""`manage.py evaluate_retrieval DIR`: how well search finds, measured in a scratch database; must not touch another."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone
from psycopg import sql

from context.errors import DomainError
from governance.beir import read_collection
from governance.management.progress import Progress
from governance.retrieval_quality import measure, publish_collection


class Command(BaseCommand):
    help = (
        "Load a collection in BEIR's form (corpus.jsonl, queries.jsonl, qrels/*.tsv) into a scratch database through "
        "the product's own changes, ask its questions, and print nDCG@10, recall and time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path)
        parser.add_argument("--split", default="", help="which qrels/<name>.tsv (default: test, dev or train)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        progress = Progress(sys.stderr)
        real = dict(connection.settings_dict)
        scratch = f"{real['NAME']}_evaluation_{os.getpid()}"
        try:
            collection = read_collection(options["directory"], options["split"])
            _sign_in_as_owner()
            _on_maintenance_database("CREATE DATABASE {}", scratch)
            connection.settings_dict["NAME"] = scratch
            try:
                call_command("migrate", verbosity=0, interactive=False)
                keys = publish_collection(collection, now=timezone.now(), progress=progress)
                with connection.cursor() as cursor:
                    cursor.execute("ANALYZE")
                figures = measure(collection, keys, progress=progress)
            finally:
                connection.close()
                _on_maintenance_database("DROP DATABASE IF EXISTS {} WITH (FORCE)", scratch)
        except DomainError as error:
            raise CommandError(f"{error.detail} {error.fix or ''}".strip()) from error
        finally:
            connection.close()
            connection.settings_dict.update(real)
        if options["json"]:
            self.stdout.write(json.dumps(figures))
            return
        self.stdout.write(f"{'':<8} {'nDCG@10':>8} {'recall@10':>10} {'recall@100':>11} {'ms/query':>9}")
        for mode, row in figures.items():
            self.stdout.write(
                f"{mode:<8} {row['ndcg@10']:>8.4f} {row['recall@10']:>10.4f} {row['recall@100']:>11.4f}"
                f" {row['ms_per_query']:>9.2f}"
            )


def _sign_in_as_owner() -> None:
    """Only the owner's role makes databases."""
    connection.close()
    if settings.DATABASE_OWNER is not None:
        owner = settings.DATABASE_OWNER
        for name in ("USER", "PASSWORD", "HOST", "PORT"):
            connection.settings_dict[name] = owner[name]


def _on_maintenance_database(statement: str, name: str) -> None:
    connection.close()
    present = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = "postgres"
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))
    finally:
        connection.close()
        connection.settings_dict["NAME"] = present
