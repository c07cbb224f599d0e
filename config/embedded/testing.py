"""The command `test`: a private PostgreSQL in a temporary home, then pytest over the whole suite on all cores."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from config.embedded.application import CORES, ROOT
from config.embedded.calm import say, step
from config.embedded.database import prepare_database, urls_of
from config.embedded.home import open_home
from config.embedded.postgres import PrivatePostgres

# Test databases are thrown away, so they need not survive a power cut; `up` refuses these settings.
FAST = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=2GB",
    "checkpoint_timeout=1h",
    "autovacuum=off",  # databases of minutes; its workers would only take the cores from the tests
)
# A disk that is memory. Each test that commits gets a new copy of a database, of a thousand files.
MEMORY = Path("/dev/shm")  # noqa: S108 - only where to look for one; the directory in it has a name nobody knows
ROOM = 6 * 2**30  # the log of the database, some copies, its programs, and as much again that others may take


def place_of_home() -> Path | None:
    """Where the temporary home is made: in memory where there is plenty, else where temporary files go."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return None
    disk = os.statvfs(MEMORY)
    is_ample = disk.f_bavail * disk.f_frsize >= ROOM and psutil.virtual_memory().available >= 2 * ROOM
    return MEMORY if is_ample and not disk.f_flag & os.ST_NOEXEC else None


def run(argv: Sequence[str]) -> int:
    """Run the tests; the arguments are pytest's and the exit code is pytest's."""
    arguments = list(argv[2:])
    if os.environ.get("DATABASE_URL"):
        return run_pytest(arguments, environment={})
    home = open_home(Path(tempfile.mkdtemp(prefix="plumbline-test-", dir=place_of_home())))
    server = PrivatePostgres(home, options=FAST)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with step("preparing database"):
            server.make_cluster()
            server.start()
            prepare_database(server, for_tests=True)
        urls = urls_of(server)
        environment = {
            "DATABASE_URL": urls.web,
            "DATABASE_OWNER_URL": urls.owner,
            "PLUMBLINE_HOME": str(home.root),
        }
        return run_pytest(arguments, environment=environment)
    except KeyboardInterrupt:
        say("\nInterrupted")
        return 130
    finally:
        server.stop()
        if server.place != home.root:
            shutil.rmtree(server.place, ignore_errors=True)
        shutil.rmtree(home.root, ignore_errors=True)


def run_pytest(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run pytest with one process a core; a later `-n` among the arguments wins."""
    command = [sys.executable, "-m", "pytest", "-n", str(CORES), "--dist", "loadgroup", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={
            **os.environ,
            **environment,
            "PLUMBLINE_DATABASE_ROLE": "owner",
            "TOKENIZERS_PARALLELISM": "false",
        },
    ).returncode
