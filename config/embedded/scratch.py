"""Commands that measure: on a private PostgreSQL of their own in a temporary home, as durable as the one of `up`."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from django.core.management import execute_from_command_line

from config.embedded.database import prepare_database, urls_of
from config.embedded.home import open_home
from config.embedded.postgres import PrivatePostgres

# What is measured begins with a world written in bulk, which is not to wait for a checkpoint at every gigabyte.
ROOMY = ("max_wal_size=8GB",)


def run(argv: Sequence[str]) -> int:
    """Run a command that makes databases of its own; on the server of DATABASE_URL where that is set."""
    if os.environ.get("DATABASE_URL") or {"-h", "--help"} & set(argv):
        execute_from_command_line(list(argv))
        return 0
    home = open_home(Path(tempfile.mkdtemp(prefix="plumbline-scratch-")))
    server = PrivatePostgres(home, options=ROOMY)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.stderr.write("  starting a private PostgreSQL …\n")
        server.make_cluster()
        server.start()
        prepare_database(server, for_tests=True)
        urls = urls_of(server)
        os.environ.update(DATABASE_URL=urls.web, DATABASE_OWNER_URL=urls.owner, PLUMBLINE_HOME=str(home.root))
        execute_from_command_line(list(argv))
        return 0
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted\n")
        return 130
    finally:
        server.stop()
        if server.place != home.root:
            shutil.rmtree(server.place, ignore_errors=True)
        shutil.rmtree(home.root, ignore_errors=True)
