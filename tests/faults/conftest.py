"""A real `manage.py up` in a home of its own, shared by the tests here, started again where one of them stopped it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import psycopg
import pytest

from config.embedded.processes import MARK

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
NOT_FOR_A_PRIVATE_SERVER = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "CELERY_BROKER_URL",
    "PLUMBLINE_HOME",
    "PLUMBLINE_DATABASE_ROLE",
    "DJANGO_SETTINGS_MODULE",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(
    condition: Callable[[], object], *, seconds: float = 60.0, otherwise: Callable[[], str] = lambda: ""
) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} seconds {otherwise()}"
        time.sleep(0.05)


class Up:
    """One home and, at most times, the `up` that runs on it."""

    def __init__(
        self,
        home: Path,
        *,
        python: str = sys.executable,
        uid: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self.environment = environment or {}
        self.port = free_port()
        self.python = python
        self.uid = uid
        self.process: subprocess.Popen[str] | None = None
        self.said: list[str] = []

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if name not in NOT_FOR_A_PRIVATE_SERVER}
        environment |= {"PYTHONUNBUFFERED": "1", "HOME": str(self.home.parent), **self.environment}
        if self.python != sys.executable:
            environment["PYTHONPATH"] = PACKAGES
        identity = {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": ()}
        return subprocess.Popen(
            [self.python, str(ROOT / "manage.py"), "up", "--home", str(self.home), "--no-sample", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **identity,
        )

    def ends_saying(self, *arguments: str) -> tuple[int, str]:
        """Run an `up` that is expected to refuse; its exit code and what it said."""
        refused = self.command(*arguments)
        said, _ = refused.communicate(timeout=60)
        return refused.returncode, said

    def start(self) -> None:
        self.process = self.command("--port", str(self.port))
        assert self.process.stdout is not None
        self.said = []
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if "Ctrl-C stops" in line:
                return
        raise AssertionError("up ended:\n" + "\n".join(self.said))

    def ensure(self) -> Up:
        if self.process is None or self.process.poll() is not None:
            self.start()
        return self

    def stop(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        self.said += self.process.communicate(timeout=60)[0].splitlines()
        return self.process.returncode

    def get(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def child(self, pattern: str) -> psutil.Process:
        """The direct child whose command line matches, waited for."""

        def matching() -> list[psutil.Process]:
            found = []
            for process in psutil.Process(self.pid).children():
                with contextlib.suppress(psutil.Error):
                    if re.search(pattern, " ".join(process.cmdline())):
                        found.append(process)
            return found

        wait_for(matching)
        return matching()[0]

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for this home, the supervisor included."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                ours = process.environ().get(MARK) == str(self.home) or process.cwd() == str(self.home / "postgres")
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def url(self, name: str = "DATABASE_OWNER_URL") -> str:
        return str(json.loads((self.home / "secrets" / "environment.json").read_text())[name])

    def connect(self, name: str = "DATABASE_OWNER_URL") -> psycopg.Connection:
        return psycopg.connect(self.url(name), autocommit=True, connect_timeout=5)


@pytest.fixture(scope="session")
def open_directory() -> Iterator[Path]:
    """A temporary directory that every user may pass through; pytest's own are closed to others."""
    directory = Path(tempfile.mkdtemp(prefix="plumbline-faults-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def shared_up(open_directory: Path) -> Iterator[Up]:
    up = Up(open_directory / "home")
    yield up
    if up.process is not None and up.process.poll() is None:
        up.stop()


@pytest.fixture
def up(shared_up: Up) -> Up:
    """Plumbline running in a home that earlier tests have used."""
    return shared_up.ensure()
