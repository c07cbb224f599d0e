"""Clients that ask as fast as they can, over HTTP or straight in SQL, and what their times come to."""

from __future__ import annotations

import math
import selectors
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, cast

import psycopg

LONGEST_WARM_UP_SECONDS = 1.0
FEWEST_CALLS = 3  # of each client, however slow the machine
MOST_PROCESSES = 2
APART = 2_003
CONNECTIONS_EACH = 4
PATIENCE_SECONDS = 30
Step = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpCalls:
    """Requests, sent in turn over one kept-alive connection; any other status than `expected` is an error.

    Clients begin `APART` from each other, so that none sends what another has just been answered.
    """

    host: str
    port: int
    requests: tuple[bytes, ...]
    expected: int

    def connect(self) -> socket.socket:
        connection = socket.create_connection((self.host, self.port), timeout=PATIENCE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def send(self, connection: socket.socket, turn: int, seat: int) -> None:
        connection.sendall(self.requests[(turn + seat * APART) % len(self.requests)])

    def receive(self, connection: socket.socket) -> None:
        status = _read_answer(connection)
        if status != self.expected:
            raise RuntimeError(f"the server answered {status}, not {self.expected}")

    def open(self, seat: int) -> Callable[[int], None]:
        connection = self.connect()

        def call(turn: int) -> None:
            self.send(connection, turn, seat)
            self.receive(connection)

        return call


@dataclass(frozen=True, kw_only=True, slots=True)
class SqlCalls:
    """Statements, prepared and run in turn on one connection a client; `written` ones in a transaction of their own."""

    url: str
    options: str
    read: tuple[tuple[Step, ...], ...]
    written: tuple[Step, ...] = ()

    def open(self, seat: int) -> Callable[[int], None]:
        connection = psycopg.connect(self.url, autocommit=True, options=self.options, prepare_threshold=0)

        def call(turn: int) -> None:
            with connection.cursor() as cursor:
                for statement, parameters in self.read[(turn * 7 + seat) % len(self.read)]:
                    cursor.execute(statement, parameters, prepare=True).fetchall()
                if self.written:
                    with connection.transaction():
                        for statement, parameters in self.written:
                            cursor.execute(statement, parameters, prepare=True).fetchall()

        return call


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Milliseconds at the median and at the 99th percentile, and calls a second over all clients."""

    p50_ms: float
    p99_ms: float
    per_second: float

    def as_json(self) -> dict[str, float]:
        return {
            "p50_ms": round(self.p50_ms, 3),
            "p99_ms": round(self.p99_ms, 3),
            "per_second": round(self.per_second, 1),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a benchmark saw: timings by case, the ratios that its goals are stated in, and what it ran on and with."""

    cases: Mapping[str, Timing]
    ratios: Mapping[str, float]
    setting: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {
            "cases": {name: timing.as_json() for name, timing in self.cases.items()},
            "ratios": {name: round(value, 3) for name, value in self.ratios.items()},
            "setting": dict(self.setting),
        }


def measure(calls: HttpCalls | SqlCalls, *, clients: int, seconds: float) -> Timing:
    """Let `clients` ask at once, spread over two processes, for `seconds` after a warm-up."""
    shares = [range(place, clients, MOST_PROCESSES) for place in range(min(clients, MOST_PROCESSES))]
    with ProcessPoolExecutor(len(shares), mp_context=get_context("spawn")) as pool:
        begun = [pool.submit(_run_share, calls, share, seconds) for share in shares]
        times = sorted(each for future in begun for each in future.result())
    if not times:
        raise RuntimeError("not one call was finished in time")
    return Timing(
        p50_ms=percentile(times, 0.50) * 1_000,
        p99_ms=percentile(times, 0.99) * 1_000,
        per_second=len(times) / seconds,
    )


def _run_share(calls: HttpCalls | SqlCalls, seats: range, seconds: float) -> list[float]:
    if isinstance(calls, HttpCalls):
        return _ask_from_one_thread(calls, seats, seconds)
    with ThreadPoolExecutor(len(seats)) as pool:
        shares = pool.map(lambda seat: _run_client(calls, seat, seconds), seats)
        return [each for share in shares for each in share]


def _run_client(calls: HttpCalls | SqlCalls, seat: int, seconds: float) -> list[float]:
    call = calls.open(seat)
    begins = time.perf_counter() + min(LONGEST_WARM_UP_SECONDS, seconds)
    ends = begins + seconds
    times: list[float] = []
    turn = 0
    while (started := time.perf_counter()) < ends or len(times) < FEWEST_CALLS:
        call(turn)
        finished = time.perf_counter()
        if started >= begins:
            times.append(finished - started)
        turn += 1
    return times


@dataclass(slots=True)
class _Client:
    connections: tuple[socket.socket, ...]
    seat: int
    turn: int = 0
    started: float = 0.0
    timed: int = 0


def _ask_from_one_thread(calls: HttpCalls, seats: range, seconds: float) -> list[float]:
    """All clients of this process in one thread, each asking again as soon as it is answered, over the next connection.

    A server's process keeps the connections that it took, and of eight all may be one's: then only that one works.
    Threads would wait for each other and for a core, beside a server that they share it with, and their waiting would
    be timed as the server's.
    """
    times: list[float] = []
    asking: list[_Client] = []
    with selectors.DefaultSelector() as waiting:

        def ask(client: _Client) -> None:
            client.started = time.perf_counter()
            calls.send(client.connections[client.turn % CONNECTIONS_EACH], client.turn, client.seat)
            client.turn += 1

        for seat in seats:
            client = _Client(tuple(calls.connect() for _ in range(CONNECTIONS_EACH)), seat)
            for connection in client.connections:
                waiting.register(connection, selectors.EVENT_READ, client)
            asking.append(client)
        begins = time.perf_counter() + min(LONGEST_WARM_UP_SECONDS, seconds)
        ends = begins + seconds
        for client in asking:
            ask(client)
        while waiting.get_map():
            answered = waiting.select(PATIENCE_SECONDS)
            if not answered:
                raise RuntimeError(f"the server did not answer within {PATIENCE_SECONDS} seconds")
            for key, _ in answered:
                client = key.data
                calls.receive(cast(socket.socket, key.fileobj))
                finished = time.perf_counter()
                if client.started >= begins:
                    times.append(finished - client.started)
                    client.timed += 1
                if finished < ends or client.timed < FEWEST_CALLS:
                    ask(client)
                else:
                    for connection in client.connections:
                        waiting.unregister(connection)
                        connection.close()
    return times


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def _read_answer(connection: socket.socket) -> int:
    """Read one answer whole; its status. As little work as will do, since the clients share the machine."""
    received = connection.recv(65_536)
    while b"\r\n\r\n" not in received:
        more = connection.recv(65_536)
        if not more:
            raise RuntimeError("the server closed the connection")
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    place = head.lower().find(b"content-length:")
    # An answer without a body need not state its length: 304.
    missing = int(head[place + 15 :].split(b"\r\n", 1)[0]) - len(body) if place >= 0 else 0
    while missing > 0:
        missing -= len(connection.recv(65_536))
    return int(head[9:12])
