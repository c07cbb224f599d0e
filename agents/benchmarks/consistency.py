"""Publishes and reads at once for minutes on end, and counts every read that was stale; must not touch real data.

A read is stale where it was sent after a publication of that text had returned and holds the text from before it, or
says that such a text still stands (304). Half of the clients read by repeating one request, half by what they hold.
"""

from __future__ import annotations

import re
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connections
from django.utils import timezone

from agents.benchmarks.measuring import Report, Timing, percentile
from agents.benchmarks.publications import approved_revision, author, request_for
from agents.benchmarks.scratch import scratch_database
from agents.benchmarks.server import web_server
from agents.benchmarks.world import World, build_world
from agents.models import Receipt
from agents.sealing import check_receipts, seal_receipts
from governance.audit.verification import verify_chain
from governance.publishing import publish_change

SMALL_WORLD = 100
WRITERS_IN = 10  # one client in ten publishes, each texts of its own
_REVISION = re.compile(rb"Revision (\d+) of the text")
_ETAG = re.compile(rb'\r\netag: ("[0-9a-f]{64}")\r\n', re.IGNORECASE)


@dataclass
class _Told:
    """What has been published so far, by key: a revision is noted once its publication has returned."""

    returned: dict[str, int] = field(default_factory=dict)
    reads: list[float] = field(default_factory=list)
    publications: list[float] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    not_modified: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def run(*, items: int, clients: int, seconds: float, say: Callable[[str], None]) -> Report:
    """`clients` publish (one in ten) and read (the others) for `seconds`."""
    with scratch_database() as scratch:
        world = build_world(items=max(items, SMALL_WORLD), say=say)
        writers = max(1, clients // WRITERS_IN)
        told = _Told()
        with tempfile.TemporaryDirectory() as folder, web_server(url=scratch.web, log=Path(folder) / "web.log") as port:
            for key in world.required[:writers]:
                _publish(told, key, 0)
            say(f"{clients} clients publish and read for {seconds:.0f} s")
            ends = time.monotonic() + seconds
            with ThreadPoolExecutor(clients) as pool:
                done = [pool.submit(_write, told, key, ends) for key in world.required[:writers]]
                done += [
                    pool.submit(_read, told, world, port, writers, ends, holds=bool(seat % 2))
                    for seat in range(clients - writers)
                ]
                for each in done:
                    each.result()
        seal_receipts(now=timezone.now())
        fault, _ = check_receipts()
        held = verify_chain().holds and fault is None
        receipts = Receipt.objects.count()
    return Report(
        cases={"read": _timing(told.reads, seconds), "publish": _timing(told.publications, seconds)},
        ratios={
            "stale reads": float(len(told.stale)),
            "reads": float(len(told.reads)),
            "of them 304": float(told.not_modified),
            "publications": float(len(told.publications)),
            "receipts": float(receipts),
            "ledger and receipts hold (1 is yes)": float(held),
        },
        setting={"clients": clients, "writers": writers, "seconds": seconds, "stale": told.stale[:5]},
    )


def _write(told: _Told, key: str, ends: float) -> None:
    try:
        while time.monotonic() < ends:
            _publish(told, key, told.returned[key] + 1)
    finally:
        connections.close_all()


def _publish(told: _Told, key: str, revision: int) -> None:
    change = approved_revision(key=key, body=f"Revision {revision} of the text {key}.")
    begun = time.perf_counter()
    publish_change(actor=author(), change_id=change, now=timezone.now())
    took = time.perf_counter() - begun
    with told.lock:
        told.returned[key] = revision
        told.publications.append(took)


def _read(told: _Told, world: World, port: int, writers: int, ends: float, *, holds: bool) -> None:
    """One connection that asks again and again; `holds` says to send along what it got last."""
    keys = [key.encode() for key in world.required[:writers]]
    etag, seen = "", dict.fromkeys(keys, -1)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        while time.monotonic() < ends:
            with told.lock:
                before = {key: told.returned[key.decode()] for key in keys}
            begun = time.perf_counter()
            connection.sendall(request_for(world.bearer, port, {"contract": "required"}, etag=etag))
            status, head, content = _answer(connection)
            took = time.perf_counter() - begun
            if status == 200:
                seen = {key: _revision_of(content, key) for key in keys}
            elif status != 304:
                raise RuntimeError(f"the server answered {status}")
            found = _ETAG.search(head)
            etag = found.group(1).decode() if holds and found else ""
            with told.lock:
                told.reads.append(took)
                told.not_modified += status == 304
                told.stale += [
                    f"{key.decode()}: {status} with revision {seen[key]} after {before[key]} was published"
                    for key in keys
                    if seen[key] < before[key]
                ]


def _revision_of(content: bytes, key: bytes) -> int:
    place = re.search(_REVISION.pattern + b" " + re.escape(key) + rb"\.", content)
    return int(place.group(1)) if place else -1


def _answer(connection: socket.socket) -> tuple[int, bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65_536)
        if not more:
            raise RuntimeError("the server closed the connection")
        received += more
    head, _, content = received.partition(b"\r\n\r\n")
    head += b"\r\n"
    stated = re.search(rb"\r\ncontent-length: (\d+)\r\n", head, re.IGNORECASE)
    missing = int(stated.group(1)) - len(content) if stated else 0
    while missing > 0:
        more = connection.recv(65_536)
        if not more:
            raise RuntimeError("the server closed the connection")
        content += more
        missing -= len(more)
    return int(head[9:12]), head, content


def _timing(times: list[float], seconds: float) -> Timing:
    ordered = sorted(times) or [0.0]
    return Timing(
        p50_ms=percentile(ordered, 0.50) * 1_000,
        p99_ms=percentile(ordered, 0.99) * 1_000,
        per_second=len(times) / seconds,
    )
