"""Runs pip and condenses what it says to one line of progress and one sentence of failure; standard library alone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from config.embedded.failures import CannotContinue

UNREACHABLE = (
    "Retrying (",
    "NewConnectionError",
    "Name or service not known",
    "Temporary failure in name resolution",
    "Connection refused",
    "Network is unreachable",
    "Could not fetch URL",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
)
NO_SPACE = ("No space left on device", "[Errno 28]", "Disk quota exceeded")


def run_pip(
    *, python: str, environment: Path, wanted: list[str], pinned_by: list[Path], label: str, lock: int | None = None
) -> None:
    """Install `wanted` (name==version) with `python`; `environment` is watched to count what is done.

    pip holds the descriptor `lock` too: where we are killed and it goes on, the next start waits for its end.
    """
    command = [python, "-m", "pip", "install", "--progress-bar", "off", "--no-input"]
    command += ["--disable-pip-version-check", "--no-warn-script-location", "--root-user-action", "ignore"]
    command += [part for file in pinned_by for part in ("--constraint", str(file))] + wanted
    progress = Progress(total=len(wanted), label=label)
    pip = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=() if lock is None else (lock,),
    )
    assert pip.stdout is not None
    said: list[str] = []
    before = count_installed(environment)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1.0):
            progress.installed(count_installed(environment) - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        for line in pip.stdout:
            said.append(line.strip())
            progress.heard(line)
        code = pip.wait()
    except KeyboardInterrupt:
        pip.terminate()
        pip.wait()
        raise CannotContinue(
            "The installation was interrupted.", "Run the same command again: it continues where it stopped."
        ) from None
    finally:
        done.set()
        watcher.join()
        progress.end()
    if code:
        raise explain(said=said, label=label)


def count_installed(environment: Path) -> int:
    """How many distributions stand in a virtual environment."""
    return sum(1 for _ in environment.glob("[lL]ib/**/site-packages/*.dist-info"))


def explain(*, said: list[str], label: str) -> CannotContinue:
    """Turn pip's output into one sentence with a fix."""
    text = "\n".join(said)
    if any(mark in text for mark in NO_SPACE):
        return CannotContinue(
            "The disk became full while installing %s." % label,
            "Free about 3 GB (also where TMPDIR points) and run the same command again: it continues.",
        )
    if any(mark in text for mark in UNREACHABLE):
        return CannotContinue(
            "The package registry could not be reached while installing %s." % label,
            "Connect this machine to the network, or point pip at a registry you can reach "
            "(`pip config set global.index-url …`), and run the same command again: it continues.",
        )
    if "is not a trusted or secure host" in text:
        return CannotContinue(
            "pip does not trust the package registry it is configured with, because its address is not https.",
            "Use its https address, or name the host in PIP_TRUSTED_HOST, and run the same command again.",
        )
    if "No matching distribution found" in text or "The user requested (constraint)" in text:
        asked = [line.split("for ")[-1] for line in said if "No matching distribution found" in line]
        asked = asked or [line.split("Cannot install ")[-1].split(" ")[0] for line in said if "Cannot install" in line]
        return CannotContinue(
            "The package registry has no build of %s for this machine." % (asked or [label])[0],
            "Use Python 3.11 on Linux or macOS (64 bit), for which the versions were chosen, or another registry.",
        )
    errors = [line for line in said if line.startswith("ERROR:")] or said[-1:] or ["pip said nothing"]
    return CannotContinue(
        "pip could not install %s: %s." % (label, errors[0].removeprefix("ERROR:").strip().rstrip(".")),
        "Use Python 3.11 on Linux or macOS (64 bit), for which the versions were chosen, "
        "or run again with PIP_VERBOSE=1 to see more.",
    )


class Progress:
    """One updating line on a terminal; elsewhere a plain line each tenth of the way."""

    def __init__(self, *, total: int, label: str) -> None:
        self.total = max(total, 1)
        self.label = label
        self.collected = 0
        self.now_installed = 0
        self.current = ""
        self.shown = -1
        self.started = time.monotonic()
        self.terminal = sys.stdout.isatty()
        self.lock = threading.Lock()
        self.verbose = bool(os.environ.get("PIP_VERBOSE"))

    def heard(self, line: str) -> None:
        """Take one line of pip's output."""
        if self.verbose:
            sys.stdout.write(line)
        word = line.strip().split(" ")
        if word[0] == "Collecting" or line.startswith("Requirement already satisfied: "):
            self.collected = min(self.collected + 1, self.total)
            self.current = word[1] if word[0] == "Collecting" else word[3]
        elif line.startswith("Installing collected packages"):
            self.collected = self.total
            self.current = "unpacking"
        self.show()

    def installed(self, count: int) -> None:
        """Take the number of distributions that appeared since the start."""
        self.now_installed = min(max(count, 0), self.total)
        self.show()

    def percent(self) -> int:
        """Half of the way is finding and downloading, half is unpacking."""
        return min(99, (self.collected + self.now_installed) * 50 // self.total)

    def show(self) -> None:
        """Print where we are, if that is news."""
        with self.lock:
            percent, seconds = self.percent(), time.monotonic() - self.started
            if self.terminal:
                text = "  installing %s: %d %% · %.0f s · %s" % (self.label, percent, seconds, self.current)
                sys.stdout.write("\r\x1b[K" + text[:100])
                sys.stdout.flush()
            elif percent // 10 > self.shown:
                # One package gives no tenths worth telling.
                self.shown = percent // 10 if self.total > 1 else 10
                print("  installing %s: %d %% (%.0f s)" % (self.label, percent, seconds), flush=True)

    def end(self) -> None:
        """Close the updating line."""
        if self.terminal:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()
