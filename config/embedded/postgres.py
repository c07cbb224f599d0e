"""A private PostgreSQL of our own launching: made, started, probed, stopped, recovered; knows no schema."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from config.embedded.accounts import account_for, reachable_place
from config.embedded.binaries import find_programs, programs_below
from config.embedded.failures import CannotContinue
from config.embedded.home import Home
from config.embedded.processes import Account, start_process

SUPERUSER = "postgres"
# Below 32768, where the kernel begins to hand out ports to outgoing connections.
PORTS = range(20_000, 32_000)
# What it keeps of tables and indexes in memory. PostgreSQL's own 128 MB hold 10,000 items; of 100,000 a search read six
# blocks in ten from outside, at twice the time.
FEWEST_MEGABYTES, MOST_MEGABYTES, OF_THE_MEMORY = 128, 2_048, 8
PATIENCE_SECONDS = 600  # crash recovery of a large log may take minutes; the process being alive is the real test


@dataclass
class PrivatePostgres:
    """One cluster in a home. `options` are `-c` settings on top of ours, e.g. to trade safety for speed in tests."""

    home: Home
    options: tuple[str, ...] = ()
    account: Account | None = field(init=False)
    place: Path = field(init=False)
    programs: Path = field(init=False)
    process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.account = account_for(self.home)
        self.place = reachable_place(self.home, self.account)
        self.programs = programs_below(self.place) if self.account else find_programs()

    @property
    def data(self) -> Path:
        return self.place / "postgres"

    @property
    def log(self) -> Path:
        return self.home.logs / "postgres.log"

    @property
    def port(self) -> int:
        return int((self.home.run / "postgres.port").read_text())

    def url(self, *, user: str, secret: str, database: str, scheme: str = "postgresql") -> str:
        """A connection URL with the password kept under the name `secret` in the home."""
        return f"{scheme}://{user}:{self.home.secret(secret)}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Connect as the superuser of the cluster."""
        url = self.url(user=SUPERUSER, secret="postgres-password", database=database)  # noqa: S106 - a file name
        return psycopg.connect(url, autocommit=True, connect_timeout=5)

    def make_cluster(self) -> bool:
        """Run initdb unless it was done; a half-made cluster is never taken for a whole one. True when made now."""
        if (self.data / "PG_VERSION").exists():
            return False
        partial = self.place / "postgres.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        password = self.place / "initdb-password"
        password.touch(mode=0o600)
        password.write_text(self.home.secret("postgres-password"))
        if self.account:
            for path in (partial, password):
                os.chown(path, self.account.uid, self.account.gid)
        command = [str(self.programs / "initdb"), "-D", str(partial), "-U", SUPERUSER, "-A", "scram-sha-256"]
        command += ["--pwfile", str(password), "--encoding", "UTF8", "--locale", "C", "--no-instructions"]
        command += [
            "--locale-provider",
            "builtin",
            "--builtin-locale",
            "C.UTF-8",
            "--text-search-config",
            "english",
        ]
        with self.log.open("ab") as log:
            made = start_process(
                command=command, environment=_environment(), log=log, account=self.account, cwd=Path("/")
            )
            code = made.wait()
        password.unlink()
        if code:
            raise CannotContinue(
                f"The private database could not be made: {self.last_words()}.",
                f"Read {self.log}; when it names missing space or rights, mend them and run the command again.",
            )
        partial.rename(self.data)
        return True

    def start(self, *, keep_port: bool = False) -> None:
        """Start the server and wait until a real connection succeeds; on the same port where others rely on it."""
        self.end_survivors()
        for _ in range(5):
            if not keep_port:
                self.choose_port()
            offset = self.log.stat().st_size if self.log.exists() else 0
            self.launch()
            if self.wait_ready():
                return
            said = self.log.read_text(errors="replace")[offset:]
            if "Address already in use" in said:
                if keep_port:
                    time.sleep(1.0)
                else:
                    (self.home.run / "postgres.port").unlink()
                continue
            if "shared memory block" in said or "already exists" in said:
                time.sleep(1.0)  # back ends of a killed server notice its death within moments
                self.end_survivors()
                continue
            break
        raise CannotContinue(
            f"The private database does not start: {self.last_words()}.",
            f"Read {self.log}, mend what it names, and run the command again; the data in {self.data} was not touched.",
        )

    def launch(self) -> None:
        """Start the server process without waiting for it."""
        settings = ["listen_addresses=127.0.0.1", f"port={self.port}", "unix_socket_directories="]
        settings += ["logging_collector=off", "log_destination=stderr", "timezone=UTC", "log_timezone=UTC"]
        settings += ["max_connections=200", "password_encryption=scram-sha-256"]
        settings += [f"shared_buffers={_buffers()}MB", *self.options]
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        command += [part for setting in settings for part in ("-c", setting)]
        self.process = start_process(
            command=command,
            environment=_environment(),
            log=self.log,
            account=self.account,
            cwd=Path("/"),
            parent_death_signal=signal.SIGINT,  # fast shutdown
        )

    def wait_ready(self) -> bool:
        """Wait for the first successful connection; False when the server ended instead."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self.process is not None and self.process.poll() is None and time.monotonic() < end:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                time.sleep(0.03)
            else:
                return True
        return False

    def choose_port(self) -> None:
        """Keep the port of the last start while it is free, else choose another."""
        kept = self.home.run / "postgres.port"
        with contextlib.suppress(FileNotFoundError, ValueError):
            if is_free(int(kept.read_text())):
                return
        candidates = random.sample(PORTS, 200)
        kept.write_text(f"{next(port for port in candidates if is_free(port))}\n")

    def end_survivors(self) -> None:
        """Stop a server of an earlier supervisor, and remove a pid file that names a stranger.

        A server process stands with its working directory in its data directory: that proves it is of this cluster.
        A pid file that names a dead process is left, because PostgreSQL itself reads it to find orphaned back ends.
        """
        lock = self.data / "postmaster.pid"
        try:
            named = int(lock.read_text().split("\n")[0])
        except (FileNotFoundError, ValueError):
            return
        survivors = [process for process in psutil.process_iter() if _stands_in(process, self.data)]
        for number, seconds in ((signal.SIGINT, 10), (signal.SIGQUIT, 5)):
            for process in survivors:
                if process.pid == named:
                    with contextlib.suppress(psutil.Error):
                        process.send_signal(number)
            _, survivors = psutil.wait_procs(survivors, timeout=seconds)
        for process in survivors:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(survivors, timeout=5)
        if psutil.pid_exists(named):
            lock.unlink(missing_ok=True)

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, everything is written; harder where that takes longer than ten seconds."""
        if self.process is None or self.process.poll() is not None:
            return
        for number, seconds in ((signal.SIGINT, 10), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
                return

    def last_words(self) -> str:
        """The last complaint in the server's log, without its prefix."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        complaints = [line for line in lines if "FATAL:" in line or "error:" in line or "PANIC:" in line]
        chosen = (complaints or [line for line in lines if line.strip()] or ["no reason given"])[-1]
        return chosen.split("FATAL:")[-1].split("PANIC:")[-1].strip().rstrip(".")


def may_listen(port: int) -> bool:
    """Whether this user may listen on the port at all, free or not."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return False
        except OSError:
            return True
    return True


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _buffers() -> int:
    """Megabytes. They are taken from the machine as they are filled, not at the start."""
    present: int = psutil.virtual_memory().total // 1_048_576
    return min(MOST_MEGABYTES, max(FEWEST_MEGABYTES, present // OF_THE_MEMORY))


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC", "PGTZ": "UTC"}


def _stands_in(process: psutil.Process, directory: Path) -> bool:
    try:
        return bool(process.cwd() == str(directory.resolve()) and process.name().startswith("postgres"))
    except (psutil.Error, OSError):
        return False
