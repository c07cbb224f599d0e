"""How our own processes are started: their environment, their commands, and the commands that prepare the data."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.embedded.database import (
    Urls,
    furnish_given_database,
    install_queues,
    prepare_database,
    require_durable,
    urls_of,
)
from config.embedded.failures import CannotContinue
from config.embedded.home import Home, write_private
from config.embedded.postgres import PrivatePostgres
from config.embedded.processes import MARK, kill_group, start_process
from config.embedded.supervisor import Child

ROOT = Path(__file__).resolve().parents[2]
CORES = os.cpu_count() or 1
DISPATCHING_THREADS = "8"  # two more than send at once (agents/runs/tasks.py), so that leases are looked at meanwhile
OWNER_ONLY = ("DATABASE_OWNER_URL", "PLUMBLINE_DATABASE_ROLE")


def given_urls() -> Urls | None:
    """The real servers named by DATABASE_URL and CELERY_BROKER_URL; None where Plumbline runs its own PostgreSQL."""
    web = os.environ.get("DATABASE_URL")
    if not web:
        return None
    broker = os.environ.get("CELERY_BROKER_URL")
    if not broker:
        raise CannotContinue(
            "DATABASE_URL is set, but CELERY_BROKER_URL is not.",
            "Set it to a broker, for example redis://host:6379/0, amqp://user:password@host/ or "
            "pgmq://user:password@host/database.",
        )
    return Urls(web=web, owner=os.environ.get("DATABASE_OWNER_URL") or web, broker=broker)


def ready_database(home: Home, server: PrivatePostgres | None) -> Urls:
    """Start and furnish the private database, or check the real one; then refuse one that is not durable."""
    if server is not None:
        server.make_cluster()
        server.start()
        prepare_database(server)
        urls = urls_of(server)
        if broker := os.environ.get("CELERY_BROKER_URL"):
            urls = Urls(web=urls.web, owner=urls.owner, broker=broker)
    else:
        urls = given_urls() or urls_of(PrivatePostgres(home))
        furnish_given_database(urls.owner)
        if urls.broker.startswith("pgmq://"):
            install_queues(urls.broker)
    require_durable(urls.web)
    return urls


def environment_of(home: Home, urls: Urls, *, port: int) -> dict[str, str]:
    """What preparing commands find in their environment; `without_owner` makes of it what the servers find."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
        "PLUMBLINE_HOME": str(home.root),
        "DATABASE_URL": urls.web,
        "DATABASE_OWNER_URL": urls.owner,
        "CELERY_BROKER_URL": urls.broker,
        "SECRET_KEY": os.environ.get("SECRET_KEY") or home.secret("secret-key", length=48),
        "SIGNING_KEY": os.environ.get("SIGNING_KEY") or home.secret("signing-key"),
        "SITE_URL": os.environ.get("SITE_URL") or f"http://127.0.0.1:{port}",
        "TOKENIZERS_PARALLELISM": "false",
        MARK: str(home.root),
    }


def without_owner(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of processes that serve people and agents."""
    return {name: value for name, value in environment.items() if name not in OWNER_ONLY}


def keep_environment(home: Home, environment: Mapping[str, str]) -> None:
    """Write what `manage.py <any command>` needs to reach this home's database."""
    names = (
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "CELERY_BROKER_URL",
        "SECRET_KEY",
        "SIGNING_KEY",
        "SITE_URL",
        "PLUMBLINE_HOME",
    )
    write_private(home.environment, json.dumps({name: environment[name] for name in names}, indent=1) + "\n")


@dataclass
class Command:
    """One `manage.py` command that prepares something, its output in a log of its own."""

    home: Home
    arguments: Sequence[str]
    environment: Mapping[str, str]
    doing: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.home.logs / f"{self.arguments[0]}.log"

    def begin(self) -> Command:
        """Start it, and go on with something else."""
        command = [sys.executable, str(ROOT / "manage.py"), *self.arguments]
        self.process = start_process(command=command, environment=self.environment, log=self.log, cwd=ROOT)
        return self

    def finish(self) -> None:
        """Wait for its end; a failure is its last line."""
        if self.process is None:
            self.begin()
        assert self.process is not None
        try:
            code = self.process.wait()
        except BaseException:
            self.stop()
            raise
        if code:
            said = self.log.read_text(errors="replace").strip().splitlines() or ["no reason given"]
            raise CannotContinue(
                f"{self.doing.capitalize()} failed: {said[-1].strip().rstrip('.')}.",
                f"Read {self.log}, mend what it names, and run the command again: it continues where it stopped.",
            )

    def stop(self) -> None:
        """End it before its time; what it did not finish is done by the next start."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        kill_group(self.process.pid)
        self.process.wait()


def children_of(home: Home, *, port: int, environment: Mapping[str, str]) -> list[Child]:
    """Web, scheduler, worker and the dispatcher of runs, in the order in which they stop."""
    served = without_owner(environment)
    python = sys.executable
    celery = [python, "-m", "celery", "--app", "config.celery", "--workdir", str(ROOT)]
    web = [
        python,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-ws",
    ]
    web += ["--workers", str(min(CORES, 4)), "--blocking-threads", "8", "--working-dir", str(ROOT)]
    web += ["--workers-kill-timeout", "3", "--respawn-failed-workers", "config.wsgi:application"]
    beat = [
        *celery,
        "beat",
        "--loglevel",
        "INFO",
        "--schedule",
        str(home.run / "beat-schedule"),
        "--pidfile=",
    ]
    alone = ["--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = [*celery, "worker", *alone, "--queues", "celery", "--hostname", "worker@%h"]
    worker += ["--concurrency", str(min(CORES, 4))]
    # It mostly waits for agents to answer: threads, so that one that is slow keeps nobody else waiting.
    dispatcher = [*celery, "worker", *alone, "--queues", "runs", "--hostname", "runs@%h"]
    dispatcher += ["--pool", "threads", "--concurrency", DISPATCHING_THREADS]
    in_web = {"DATABASE_POOL_SIZE": "8", **served}
    in_worker = {**served, "DATABASE_POOL_SIZE": "0"}
    # Without a supervisor PostgreSQL stops too, and Celery would wait for it for ever. What it was doing comes back.
    return [
        Child("web", web, in_web, home.logs / "web.log", patience=4.0),
        Child("scheduler", beat, in_worker, home.logs / "scheduler.log", patience=2.0, orphan_signal=signal.SIGKILL),
        Child("worker", worker, in_worker, home.logs / "worker.log", patience=6.0, orphan_signal=signal.SIGKILL),
        Child("dispatcher", dispatcher, in_worker, home.logs / "dispatcher.log", 6.0, orphan_signal=signal.SIGKILL),
    ]


def unready(url: str) -> str:
    """Why a GET of this address does not give 200 now; empty where it does."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http:// address
            return "" if answer.status == 200 else f"it answers {answer.status}"
    except urllib.error.HTTPError as error:
        said = error.read(300).decode(errors="replace")
        return f"it answers {error.code}: {said}"
    except OSError as error:
        return f"it does not answer: {error}"
