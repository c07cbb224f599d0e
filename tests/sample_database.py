"""What stands behind the connections of a test: the bare schema, or the sample, loaded once a run; no tests.

Loading the sample takes longer than almost any test of it, and copying a database a fraction of a second.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from agents.deliveries import close_lanes
from context.remembered import forget_the_database
from tests import schema

BASE = f"test_{settings.DATABASES['default']['NAME']}"
SCHEMA = schema.schema_name(BASE)
# For this run alone, and all its processes: the next one may load otherwise.
KEPT = f"{SCHEMA}_loaded_"
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:8]


def load_whole(path: Path) -> None:
    call_command("load_sample", credentials=path, verbosity=0)


def become_sample(path: Path, *, name: str = "sample", load: Callable[[Path], None] = load_whole) -> None:
    """The database of this process is a copy of the loaded sample, and its credentials are at `path`."""
    kept = f"{KEPT}{RUN}_{name}"
    with schema.one_at_a_time(kept):
        if not schema.exists(kept):
            stand_in(SCHEMA)
            load(path)
            schema.leave()
            schema.keep(_own(), kept, note=path.read_text())
    stand_in(kept)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(schema.note_of(kept))


@contextmanager
def sample_loaded(path: Path, *, name: str = "sample", load: Callable[[Path], None] = load_whole) -> Iterator[Path]:
    """Within, as `become_sample`; afterwards the bare schema again."""
    become_sample(path, name=name, load=load)
    yield path
    stand_in(SCHEMA)


def stand_in(source: str) -> None:
    """Put a fresh copy of `source` behind the connections of this process."""
    close_lanes()  # of this process: those to a database that is gone would fail the next test
    schema.leave()
    schema.copy(source, _own())
    forget_the_database()


def _own() -> str:
    return str(connection.settings_dict["NAME"])
