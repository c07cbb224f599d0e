"""The directory that holds all state of a private Plumbline: paths, its supervisor's lock, secrets made once."""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.embedded.failures import CannotContinue


@dataclass(frozen=True)
class Home:
    """Where each kind of state lies; `open_home` makes the directories."""

    root: Path

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def binaries(self) -> Path:
        return self.root / "binaries"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def credentials(self) -> Path:
        return self.root / "credentials.json"

    @property
    def environment(self) -> Path:
        """What other commands need to reach the private database while it runs."""
        return self.secrets / "environment.json"

    def secret(self, name: str, *, length: int = 32) -> str:
        """Read a secret of `length` random bytes in URL-safe base64, made at the first call."""
        path = self.secrets / name
        with contextlib.suppress(FileNotFoundError):
            if value := path.read_text().strip():
                return value
        value = base64.urlsafe_b64encode(secrets.token_bytes(length)).decode()
        write_private(path, value + "\n")
        return value


def open_home(path: Path) -> Home:
    """Make the directories of a home; says so in a sentence where that is not allowed."""
    home = Home(root=path.absolute())
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        for directory in (home.logs, home.run, home.secrets):
            directory.mkdir(exist_ok=True)
        for closed in (home.secrets, home.logs):
            closed.chmod(0o700)
        probe = home.run / "writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        fix = "Free some space" if error.errno == errno.ENOSPC else "Choose a directory of your own"
        raise CannotContinue(
            f"The home {home.root} cannot be written: {reason}.",
            f"{fix}, for example `python3 manage.py up --home ~/plumbline`, and run the command again.",
        ) from None
    return home


def require_room(home: Home, *, begun: bool) -> None:
    """Refuse to begin where the disk would be full half-way, and to continue where it is."""
    needed = 50_000_000 if begun else 600_000_000
    free = shutil.disk_usage(home.root).free
    if free < needed:
        raise CannotContinue(
            f"{home.root} has {free // 1_000_000} MB free, and {needed // 1_000_000} MB are needed.",
            "Free some space, or choose a directory on another disk with --home, and run the command again.",
        )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, all of it or nothing, safe against a crash half-way."""
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        os.fchmod(descriptor, 0o600)
        handle.write(text)
        handle.flush()
        os.fsync(descriptor)
    partial.replace(path)


@contextlib.contextmanager
def only_supervisor(home: Home) -> Iterator[None]:
    """Hold the home for this process; the kernel lets go when the process ends, however it ends."""
    with (home.run / "up.lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise CannotContinue(
                f"Process {holder} already runs Plumbline in {home.root}.",
                f"Stop it with Ctrl-C or `kill {holder}`, or choose another directory with --home and another --port.",
            ) from None
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield
