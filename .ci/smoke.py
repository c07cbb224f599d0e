"""Starts `manage.py up` in an empty home, fetches a bundle with the line it prints, stops it, looks for leftovers."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 300


def main() -> None:
    directory = Path(tempfile.mkdtemp(prefix="plumbline-smoke-"))
    directory.chmod(0o755)  # root gives PostgreSQL another user, who must be able to pass
    home = directory / "home"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.monotonic()
    up = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--home", str(home), "--port", str(port)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "PLUMBLINE_HOME")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = listen(up)
    print(f"ready after {time.monotonic() - begun:.1f} s")
    fetch_first_bundle(said, json.loads((home / "credentials.json").read_text()))
    begun = time.monotonic()
    up.send_signal(signal.SIGINT)
    rest, _ = up.communicate(timeout=60)
    print(rest.strip())
    require(up.returncode == 0, f"up ended with exit code {up.returncode}")
    require(not left_for(home), f"processes are left: {left_for(home)}")
    shutil.rmtree(directory)
    print(f"stopped cleanly after {time.monotonic() - begun:.1f} s")


def listen(up: subprocess.Popen[str]) -> list[str]:
    """What `up` says until it is ready."""
    assert up.stdout is not None
    said = []
    for line in up.stdout:
        print(line, end="")
        said.append(line.strip())
        if "Ctrl-C stops" in line:
            return said
    raise SystemExit(f"up ended with exit code {up.wait()} before it was ready")


def fetch_first_bundle(said: list[str], credentials: dict[str, dict[str, dict[str, str]]]) -> None:
    """Run the printed curl line as it stands."""
    line = next(line for line in said if line.startswith("curl "))
    key = next(iter(credentials["agents"].values()))["key"]
    require(key in line, "the printed line carries the key of credentials.json")
    answer = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=60, check=True).stdout
    bundle = json.loads(answer)
    require(bool(bundle.get("entries")), f"the first bundle has entries: {answer[:500]}")
    print(f"first bundle: {len(bundle['entries'])} entries, digest {bundle.get('digest', 'unknown')}")


def left_for(home: Path) -> list[str]:
    """Processes that still run for this home."""
    left = []
    for process in psutil.process_iter():
        try:
            if str(home) in " ".join(process.cmdline()) or process.environ().get("PLUMBLINE_HOME") == str(home):
                left.append(f"{process.pid} {process.name()}")
        except (psutil.Error, OSError):
            continue
    return left


def require(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"Failed: {what}")


if __name__ == "__main__":
    main()
