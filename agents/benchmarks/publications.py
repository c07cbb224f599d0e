"""Publishes through governance and asks for the text over HTTP, to time it and to find stale reads; on scratch data."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from django.utils import timezone

from agents.benchmarks.measuring import Timing, percentile
from agents.benchmarks.world import World
from context.models import User
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.publishing import publish_change
from governance.reviews import review_change

TIMES = 15


class Stale(Exception):
    """A request that was sent after a publication had returned got the text from before it."""


def publications(*, world: World, port: int) -> dict[str, Timing]:
    """How long a publication takes, and how long after its return an agent has the new text. Raises Stale."""
    key = world.required[0]
    published, visible = [], []
    for turn in range(TIMES):
        approved = approved_revision(key=key, body=f"Revision {turn} of the benchmark.")
        begun = time.perf_counter()
        publish_change(actor=author(), change_id=approved, now=timezone.now())
        returned = time.perf_counter()
        answer = ask(world.bearer, port, {"contract": "required"})
        seen = time.perf_counter()
        if f"Revision {turn} of".encode() not in answer:
            raise Stale(f"revision {turn} of {key} was published, and the answer does not hold it")
        published.append(returned - begun)
        visible.append(seen - returned)
    return {"publish": _timing(published), "publish_to_visible": _timing(visible)}


def approved_revision(*, key: str, body: str) -> int:
    """The number of an approved change that gives the item this text."""
    now = timezone.now()
    edit = EditInput(operation="revise", key=key, payload={"body": body})
    change = create_change(actor=author(), title="A revision", reason="To be measured", edits=[edit], now=now)
    digest = submit_change(actor=author(), change_id=change.pk, now=now).digest
    checker = User.objects.get(username="bench-checker")
    review_change(actor=checker, change_id=change.pk, decision="approve", digest=digest, now=now)
    return change.pk


def author() -> User:
    """Who writes and publishes in the benchmark's world."""
    return User.objects.get(username="bench")


def request_for(bearer: str, port: int, body: dict[str, Any], *, etag: str = "") -> bytes:
    """The bytes of a bundle request."""
    sent = json.dumps(body).encode()
    held = f"If-None-Match: {etag}\r\n" if etag else ""
    head = (
        f"POST /api/v1/bundles/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {bearer}\r\n{held}"
        f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    )
    return head.encode() + sent


def ask(bearer: str, port: int, body: dict[str, Any]) -> bytes:
    """The body of one answer, over a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request_for(bearer, port, body).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        received = bytearray()
        while more := connection.recv(65_536):
            received += more
    head, _, content = bytes(received).partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the server answered {head[:15]!r}")
    return content


def _timing(times: list[float]) -> Timing:
    times = sorted(times)
    return Timing(
        p50_ms=percentile(times, 0.50) * 1_000,
        p99_ms=percentile(times, 0.99) * 1_000,
        per_second=len(times) / sum(times),
    )
