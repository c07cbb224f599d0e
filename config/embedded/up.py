"""The command `up`: everything from an empty directory to a running, supervised Plumbline, and back to silence."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from config.embedded import application
from config.embedded.application import Command
from config.embedded.calm import say, step
from config.embedded.credentials import collect_credentials, welcome
from config.embedded.failures import CannotContinue
from config.embedded.home import Home, only_supervisor, open_home, require_room
from config.embedded.postgres import PrivatePostgres, is_free, may_listen
from config.embedded.processes import end_processes, left_from_before, wait_until
from config.embedded.supervisor import Child, Supervisor, hearing

STARTING_SECONDS = 120


class Interrupted(Exception):
    """A stop signal arrived before everything ran."""


def run(argv: Sequence[str]) -> int:
    """Run until stopped; 0 after a clean stop, whenever it was asked for."""
    options = parse(argv[2:])
    home = open_home(options.home)
    with only_supervisor(home), hearing(interrupt):
        server: PrivatePostgres | None = None
        supervisor: Supervisor | None = None
        try:
            say(f"Plumbline in {home.root}")
            require_room(home, begun=home.environment.exists())
            begin_logs(home)
            clear_leftovers(home, port=options.port)
            server = None if application.given_urls() else PrivatePostgres(home)
            children = prepare(home, server=server, port=options.port, with_sample=not options.no_sample)
            supervisor = Supervisor(server=server, children=children)
            with step("starting web, workers and scheduler"):
                start(supervisor, port=options.port)
            say(welcome(home))
            with hearing(supervisor.hear):
                supervisor.watch()
            say("\nStopping")
        except Interrupted:
            say("\nStopping")
        finally:
            stop(supervisor=supervisor, server=server)
        say("Stopped. Everything is kept; the same command starts it again.")
        return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the options of `up`."""
    parser = argparse.ArgumentParser(prog="manage.py up", description="Start Plumbline with everything it needs.")
    parser.add_argument("--port", type=int, default=8000, help="port of the web server on 127.0.0.1 (default 8000)")
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(os.environ.get("PLUMBLINE_HOME") or application.ROOT / "var"),
        help="directory that holds all state (default var/)",
    )
    parser.add_argument("--no-sample", action="store_true", help="start empty, with one administrator")
    options = parser.parse_args(arguments)
    if not 1 <= options.port <= 65535:
        parser.error(f"--port {options.port}: a port lies between 1 and 65535")
    options.home = options.home.expanduser()
    return options


def interrupt(number: int, frame: FrameType | None) -> None:
    """Signal handler while things are being prepared."""
    raise Interrupted


def ignore(number: int, frame: FrameType | None) -> None:
    """Signal handler while PostgreSQL writes its last page: asking again does not make it faster."""


def begin_logs(home: Home) -> None:
    """Keep the logs of the last start beside the new ones."""
    for log in home.logs.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def clear_leftovers(home: Home, *, port: int) -> None:
    """End what a killed supervisor left behind, then insist on a free port."""
    left = left_from_before(home.root)
    if left:
        with step(f"ending {len(left)} processes of a start that was killed"):
            end_processes(left, patience=5)
    if port < 1024 and not may_listen(port):
        raise CannotContinue(
            f"Port {port} is reserved for root on this machine.",
            "Choose one from 1024 up, for example `python3 manage.py up --port 8000`.",
        )
    if not wait_until(lambda: is_free(port), seconds=1.0):
        other = 8000 if port > 65000 else port + 1
        raise CannotContinue(
            f"Port {port} of 127.0.0.1 is taken by another program.",
            f"Stop that program, or choose another port: `python3 manage.py up --port {other}`.",
        )


def prepare(home: Home, *, server: PrivatePostgres | None, port: int, with_sample: bool) -> list[Child]:
    """Database, schema and first data; every step may be repeated."""
    with step("preparing database"):
        urls = application.ready_database(home, server)
    environment = application.environment_of(home, urls, port=port)
    application.keep_environment(home, environment)
    served = application.without_owner(environment)
    as_owner = {**environment, "PLUMBLINE_DATABASE_ROLE": "owner"}
    people = home.secrets / "people.json"
    first = "load_sample" if with_sample else "create_admin"
    doing = "loading the sample organisation" if with_sample else "making an administrator"
    schema = Command(home, ["prepare_database"], as_owner, doing="migrating")
    model = Command(home, ["prepare_embeddings"], served, doing="preparing the language model")
    data = Command(home, [first, "--credentials", str(people)], served, doing=doing)
    try:
        model.begin()  # needs no database, so it goes on beside the next step
        for command in (schema, model, data):
            with step(command.doing):
                command.finish()
    finally:
        model.stop()
    collect_credentials(home, made=people, url=f"http://127.0.0.1:{port}/")
    return application.children_of(home, port=port, environment=environment)


def start(supervisor: Supervisor, *, port: int) -> None:
    """Start the children and wait until the web server answers with its database behind it."""
    for child in supervisor.children:
        child.start()
    web = supervisor.children[0]
    begun, why = time.monotonic(), ""
    while time.monotonic() - begun < STARTING_SECONDS:
        if web.ended() is not None:
            why = "it ended"
            break
        why = application.unready(f"http://127.0.0.1:{port}/readyz")
        if not why:
            return
        time.sleep(0.1)
    raise CannotContinue(
        f"The web server did not become ready: {why.strip().rstrip('.')}.",
        f"Read {web.log}, mend what it names, and run the command again.",
    )


def stop(*, supervisor: Supervisor | None, server: PrivatePostgres | None) -> None:
    """Stop whatever was started."""
    if supervisor is not None:
        with hearing(supervisor.hear):
            supervisor.stop()
    elif server is not None:
        with hearing(ignore):
            server.stop()
