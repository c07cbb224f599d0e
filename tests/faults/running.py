"""The callers in the tests under faults: one that starts runs, and agents that claim them; they retry as callers do."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

LEASE_SECONDS = 8
PATIENCE_SECONDS = 120.0


class Unanswered(Exception):
    """Nobody answered, or the server could not: nothing is known of what was asked."""


@dataclass
class Caller:
    """Posts JSON with a key. `call` asks once, `insist` until there is an answer."""

    url: str
    bearer: str
    # When anything was answered, for the time from a kill to the next answer.
    answered_at: list[float] = field(default_factory=list)

    def call(self, path: str, body: Mapping[str, Any], **headers: str) -> tuple[int, Any]:
        """Status and body; Unanswered where there is none, or where the server says that it cannot now."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=15)
        sent = {"Content-Type": "application/json", **headers}
        if self.bearer:
            sent["Authorization"] = f"Bearer {self.bearer}"
        try:
            connection.request("POST", path, body=json.dumps(body), headers=sent)
            answer = connection.getresponse()
            read = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(str(error)) from error
        finally:
            connection.close()
        if answer.status >= 500 or answer.status == 429:
            raise Unanswered(f"{answer.status}: {read[:200]!r}")
        self.answered_at.append(time.time())
        return answer.status, json.loads(read) if read else None

    def insist(self, path: str, body: Mapping[str, Any], **headers: str) -> tuple[int, Any]:
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self.call(path, body, **headers)
            except Unanswered as none:
                if time.monotonic() > ends_at:
                    raise TimeoutError(f"{path} was not answered for {PATIENCE_SECONDS:g} s") from none
                time.sleep(0.2)


@dataclass
class Starter:
    """Starts runs one after another and keeps what was acknowledged: the tag of each task, by the run's id."""

    caller: Caller
    kinds: tuple[str, ...]
    acknowledged: dict[str, str] = field(default_factory=dict)

    def start(self, count: int, pause: float) -> None:
        for number in range(count):
            tag = f"task-{number}"
            body = {"task_type": self.kinds[number % len(self.kinds)], "task": {"tag": tag}, "most_attempts": 10}
            status, run = self.caller.insist("/api/v1/runs/", body, **{"Idempotency-Key": str(uuid4())})
            assert status == 201, run
            assert run["id"] not in self.acknowledged
            self.acknowledged[run["id"]] = tag
            time.sleep(pause)


@dataclass
class Claimer:
    """An agent that claims runs, lets one effect happen for each and hands in its output; now and then it dies."""

    caller: Caller
    effects: Caller
    seed: int
    stopped: Event
    dies: float = 0.05
    deaths: int = 0
    done: int = 0
    lock: Lock = field(default_factory=Lock)

    def work(self) -> None:
        draw = random.Random(self.seed)
        while not self.stopped.is_set():
            try:
                status, claim = self.caller.call("/api/v1/runs/claim/", {"lease_seconds": LEASE_SECONDS})
                if status == 200 and claim["run"] is not None:
                    self._carry_out(claim, draw)
                    continue
            except Unanswered:
                pass
            self.stopped.wait(0.2)

    def _carry_out(self, claim: Mapping[str, Any], draw: random.Random) -> None:
        """Raises Unanswered where the answer to a report was lost for longer than the lease lasts."""
        run, token = claim["run"], claim["lease"]["token"]
        here = f"/api/v1/runs/{run['id']}"
        self._report(f"{here}/bundle/", {"lease_token": token})
        # Under one key in every attempt: who takes the run over asks for the same effect.
        key = f"{run['id']}:pay"
        step = {"lease_token": token, "key": "pay", "operation": "execute_tool", "name": "pay"}
        known = {each["key"]: each["state"] for each in run["steps"]}
        if "pay" not in known:
            self._report(f"{here}/steps/", {**step, "state": "started"})
        if self._dies(draw):
            return
        if known.get("pay") != "done":
            self.effects.insist("/effect", {"task": run["task"]}, **{"Idempotency-Key": key})
            if self._dies(draw):
                return
            self._report(f"{here}/steps/", {**step, "state": "done", "output": {"paid": True}})
        if self._dies(draw):
            return
        status, _ = self._report(f"{here}/complete/", {"lease_token": token, "output": run["task"]})
        with self.lock:
            self.done += status == 200

    def _report(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """A report, again until it is answered or its lease must be over."""
        ends_at = time.monotonic() + LEASE_SECONDS
        while True:
            try:
                status, said = self.caller.call(path, body)
            except Unanswered:
                if time.monotonic() > ends_at:
                    raise
                time.sleep(0.2)
                continue
            if status >= 400:
                # The lease was lost: the run is another's now.
                assert said["type"].endswith(("/lease-lost", "/not-found")), (path, said)
                raise Unanswered(said["type"])
            return status, said

    def _dies(self, draw: random.Random) -> bool:
        """Whether this agent is killed here: it says nothing any more, and another process of it claims."""
        if draw.random() >= self.dies:
            return False
        with self.lock:
            self.deaths += 1
        return True
