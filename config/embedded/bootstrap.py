"""Makes `.venv` with the pinned requirements and restarts inside it; must import the standard library alone."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from config.embedded.failures import CannotContinue
from config.embedded.installing import run_pip

with contextlib.suppress(ImportError):  # Windows has none, and is refused in a sentence below
    import fcntl

ROOT = Path(__file__).resolve().parents[2]
RUN_REQUIREMENTS = ("requirements.txt",)
TEST_REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
OLDEST_PYTHON = (3, 11)
NEEDED_BYTES = 3 * 1024**3
# Set for the restarted process, so that a broken environment stops with a sentence instead of a loop.
RESTARTED = "PLUMBLINE_RESTARTED"


def ensure_environment(*, argv: list[str], root: Path = ROOT) -> None:
    """Return when Django can be imported here; otherwise install into `.venv` and replace this process."""
    require_python(sys.version_info[:2])
    require_unix(os.name)
    with_tests = argv[1:2] == ["test"]
    environment = root / ".venv"
    inside = Path(sys.prefix).resolve() == environment.resolve()
    if can_import("django") and not inside:
        if with_tests and not can_import("pytest"):
            raise CannotContinue(
                "This Python has Django but not pytest, which the tests need.",
                "Run `%s -m pip install -r requirements-dev.txt`, or use a Python without Django: "
                "a .venv is then made for you." % sys.executable,
            )
        return
    files = [root / name for name in (TEST_REQUIREMENTS if with_tests else RUN_REQUIREMENTS)]
    if not is_installed(environment=environment, files=files):
        with exclusively(root / ".venv.lock") as lock:
            if not is_installed(environment=environment, files=files):
                install(environment=environment, files=files, lock=lock)
    if inside:
        return
    if os.environ.get(RESTARTED):
        raise CannotContinue(
            "The environment in %s does not take effect." % environment,
            "Delete that directory and run the same command again.",
        )
    python = str(python_of(environment))
    sys.stdout.flush()
    os.execve(python, [python, *argv], {**os.environ, RESTARTED: "1"})


def require_python(version: tuple[int, ...]) -> None:
    """Refuse a Python older than the pinned packages support."""
    if tuple(version) < OLDEST_PYTHON:
        raise CannotContinue(
            "This is Python %d.%d, and Plumbline needs Python 3.11 or newer." % tuple(version)[:2],
            "Install Python 3.11 and run `python3.11 manage.py …`.",
        )


def require_unix(system: str) -> None:
    """Refuse Windows, whose processes cannot be supervised the way `up` does it."""
    if system == "nt":
        raise CannotContinue("Plumbline does not run on Windows itself.", "Use it inside WSL 2, Linux or macOS.")


def can_import(name: str) -> bool:
    """Whether the running interpreter finds the package, without importing it."""
    return importlib.util.find_spec(name) is not None


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / "bin" / "python"


def stamp_of(files: list[Path]) -> str:
    """A digest of everything that decides what is installed."""
    digest = hashlib.sha256(("%d.%d" % sys.version_info[:2]).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_installed(*, environment: Path, files: list[Path]) -> bool:
    """Whether an earlier installation of exactly these files was completed."""
    stamps = environment / "plumbline-installed"
    return stamps.is_file() and stamp_of(files) in stamps.read_text().split()


def install(*, environment: Path, files: list[Path], lock: int) -> None:
    """Install the pinned packages; what a killed attempt left is kept and completed."""
    require_venv_module()
    require_writable(environment.parent)
    if not environment.exists():
        require_disk(environment.parent)
    started = time.monotonic()
    make_environment(environment)
    python = str(python_of(environment))
    # torch goes first and alone: as a dependency of another package pip would choose a build for graphics cards.
    pins = pins_of(files)
    torch = [pin for pin in pins if pin.startswith("torch==")]
    run_pip(python=python, environment=environment, wanted=torch, pinned_by=files, label="torch", lock=lock)
    run_pip(python=python, environment=environment, wanted=pins, pinned_by=files, label="packages", lock=lock)
    # What the tests need includes what a run needs: both are done.
    done = {stamp_of(files), stamp_of(files[: len(RUN_REQUIREMENTS)])}
    (environment / "plumbline-installed").write_text("".join(f"{stamp}\n" for stamp in sorted(done)))
    print("  installed into %s in %.0f s" % (environment, time.monotonic() - started), flush=True)


def pins_of(files: list[Path]) -> list[str]:
    """The `name==version` lines of requirement files, comments left out."""
    lines = [line.split("#")[0].strip() for file in files for line in file.read_text().splitlines()]
    return [line for line in lines if line]


def make_environment(environment: Path) -> None:
    """Create the virtual environment, anew where a killed attempt left one without pip."""
    python = python_of(environment)
    if python.exists() and subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return
    print("Making a private Python environment in %s" % environment, flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], capture_output=True, text=True)
    if made.returncode:
        if "ensurepip" in made.stdout + made.stderr:
            raise missing_venv()
        last = (made.stderr or made.stdout).strip().splitlines() or ["no reason given"]
        raise CannotContinue(
            "The Python environment %s could not be made: %s." % (environment, last[-1].rstrip(".")),
            "Delete that directory, check its parent's rights and space, and run the same command again.",
        )


def missing_venv() -> CannotContinue:
    """The sentence for a Python that its distribution delivers without `venv`."""
    return CannotContinue(
        "This Python comes without the `venv` module.",
        "Install it (Debian and Ubuntu: `apt-get install python3-venv`) and run the same command again.",
    )


def require_venv_module() -> None:
    """Debian splits `venv` and `ensurepip` off; say so before anything is written."""
    if not (can_import("venv") and can_import("ensurepip")):
        raise missing_venv()


def require_disk(directory: Path) -> None:
    """Refuse to begin an installation that cannot end for want of space."""
    free = shutil.disk_usage(directory).free
    if free < NEEDED_BYTES:
        raise CannotContinue(
            "%s has %.1f GB free, and the packages need about 3 GB." % (directory, free / 1024**3),
            "Free some space, or clone to a larger disk, and run the same command again.",
        )


def require_writable(directory: Path) -> None:
    """Refuse a checkout this user may not write to."""
    if not os.access(directory, os.W_OK):
        raise CannotContinue(
            "%s may not be written by this user." % directory,
            "Clone to a directory of your own, or run as the owner of that one.",
        )


@contextlib.contextmanager
def exclusively(path: Path) -> Iterator[int]:
    """Let one process install at a time; a second waits and then finds the work done. Yields the lock's descriptor."""
    require_writable(path.parent)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another installation in %s to end" % path.parent, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()
