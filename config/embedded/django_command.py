"""Every other `manage.py` command: Django's own, on the private database of a running `up` where no other is named."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import django.db
from django.core.management import execute_from_command_line

from config.embedded.failures import CannotContinue

ROOT = Path(__file__).resolve().parents[2]
# These change the schema, or grant rights on it: they sign in as the owner of the tables.
AS_OWNER = ("migrate", "prepare_database", "grant_web_role", "flush", "sqlflush", "createcachetable")


def run(argv: Sequence[str]) -> int:
    """Run one of Django's or our management commands."""
    private = adopt_private_database()
    if argv[1:2] and argv[1] in AS_OWNER:
        os.environ.setdefault("PLUMBLINE_DATABASE_ROLE", "owner")
    try:
        execute_from_command_line(list(argv))
    except django.db.OperationalError as error:
        if "connection failed" not in str(error):
            raise
        problem = f"The private database of {private} does not run." if private else "The database does not answer."
        raise CannotContinue(
            problem,
            "Start it with `python3 manage.py up` in another terminal, set PLUMBLINE_HOME to its home, or DATABASE_URL "
            "to another database.",
        ) from error
    return 0


def adopt_private_database() -> Path | None:
    """Take over what `up` wrote into its home, unless DATABASE_URL names a database; the home, where that was done."""
    if os.environ.get("DATABASE_URL"):
        return None
    home = Path(os.environ.get("PLUMBLINE_HOME") or ROOT / "var")
    kept = home / "secrets" / "environment.json"
    try:
        known: dict[str, str] = json.loads(kept.read_text())
    except (FileNotFoundError, PermissionError):
        return None
    for name, value in known.items():
        os.environ.setdefault(name, value)
    return home
