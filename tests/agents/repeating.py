"""The application as the web server calls it, what stands before Django included."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from django.core.signals import request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection

from agents.standing_wsgi import StandingAnswers
from tests.agents.conftest import Presented


@dataclass
class Said:
    """An answer over WSGI."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def bundle(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.content)
        return told


@dataclass
class Site:
    """One process. `asked` counts how often Django was asked."""

    asked: int = 0
    application: StandingAnswers = field(init=False)

    def __post_init__(self) -> None:
        django = get_wsgi_application()

        def counted(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            self.asked += 1
            if not connection.in_atomic_block:
                return django(environ, start_response)
            # As Django's test client does: the transaction of the test must outlive the request.
            request_started.disconnect(close_old_connections)
            try:
                return list(django(environ, start_response))
            finally:
                request_started.connect(close_old_connections)

        self.application = StandingAnswers(counted)

    def post(self, agent: Presented, body: Any = None, **environ: str) -> Said:
        sent = json.dumps(body or {"contract": "review"}).encode()
        asked: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/api/v1/bundles/",
            "SCRIPT_NAME": "",
            "QUERY_STRING": "",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "testserver",
            "REMOTE_ADDR": "10.0.0.7",
            "HTTP_AUTHORIZATION": f"Bearer {agent.bearer}",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(sent)),
            "wsgi.input": BytesIO(sent),
            "wsgi.errors": BytesIO(),
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            **environ,
        }
        said: list[tuple[str, list[tuple[str, str]]]] = []
        content = b"".join(self.application(asked, lambda status, headers, *more: said.append((status, headers))))
        return Said(status=int(said[0][0][:3]), headers=dict(said[0][1]), content=content)


def commit() -> None:
    """What a commit does with the marks of its transaction, for tests that are rolled back."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS becomes_an_epoch IMMEDIATE; SET CONSTRAINTS becomes_an_epoch DEFERRED")
