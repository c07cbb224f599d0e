"""What stands outside Plumbline in the tests under faults: a webhook, a model and a place where effects happen."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any


@dataclass
class Receiver:
    """Carries an effect out once for each Idempotency-Key, and counts what it was asked; answers after a while."""

    seed: int
    slowest: float = 0.6
    asked: Counter[str] = field(default_factory=Counter)  # deliveries by key
    keys_of: dict[str, set[str]] = field(default_factory=dict)  # the keys under which a task's effect was asked for
    completions: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._draw = random.Random(self.seed)

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                said = json.dumps(receiver.take(self.path, self.headers.get("Idempotency-Key", ""), body)).encode()
                # Who asked may have been killed meanwhile.
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(said)))
                    self.end_headers()
                    self.wfile.write(said)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """What is answered to a post. The effect is done before the answer, which may find nobody any more."""
        with self._lock:
            wait = self._draw.uniform(0, self.slowest)
            if path == "/v1/chat/completions":
                self.completions += 1
            else:
                self.asked[key] += 1
                self.keys_of.setdefault(body["task"]["tag"], set()).add(key)
        time.sleep(wait)
        if path == "/v1/chat/completions":
            message = {"role": "assistant", "content": "Within our appetite."}
            usage = {"prompt_tokens": 50, "completion_tokens": 5}
            return {"model": "stub-1", "choices": [{"message": message}], "usage": usage}
        return {"output": {"tag": body["task"]["tag"]}}
