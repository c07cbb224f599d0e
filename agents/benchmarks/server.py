"""The web server as `up` starts it, on a scratch database; must not serve anything else."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

PATIENCE_SECONDS = 60
POOL_SIZE = "8"
BLOCKING_THREADS = "8"
PRODUCT = "config.wsgi:application"


@contextmanager
def web_server(*, url: str, log: Path, site: str = PRODUCT, ready: str = "/readyz") -> Iterator[int]:
    """Start granian with as many processes as `up` gives it; the port. Stopped at the end."""
    port = _free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--no-ws", "--workers", str(min(os.cpu_count() or 1, 4)), "--blocking-threads", BLOCKING_THREADS]
    command += ["--working-dir", str(settings.BASE_DIR), site]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=_environment(url), cwd=settings.BASE_DIR, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait(port, process, log, ready)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(url: str) -> Mapping[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "PLUMBLINE_DATABASE"))
    }
    return {
        **kept,
        "DATABASE_URL": url,
        "DATABASE_POOL_SIZE": POOL_SIZE,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "SIGNING_KEY": secrets.token_urlsafe(32) + "=",
    }


def _wait(port: int, process: subprocess.Popen[bytes], log: Path, ready: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                asked = f"GET {ready} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                connection.sendall(asked.encode())
                if connection.recv(64).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(0.2)
    tail = log.read_bytes()[-2_000:].decode(errors="replace")
    raise CommandError(f"The server did not become ready.\n{tail}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
