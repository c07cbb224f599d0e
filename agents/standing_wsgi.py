"""Answers repeated bundle requests before Django is asked, where the same request was answered by Django before.

Only an exact repetition is taken: same address, host, credential, program, caller, content type and body. Its rights
are judged anew in the database (agents/standing.py); whatever is not clearly the same and clearly standing goes the
whole way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import psycopg
from django.db import Error as DatabaseFailure

from agents.bundle_headers import agreed_headers, held_digests
from agents.standing import MOST_BYTES_KEPT, HandedOver, Memory, StandingAnswer, confirm
from config.request_id import address_in, request_id_in
from context.remembered import forgotten_with_the_database

ADDRESS = "/api/v1/bundles/"
# Where the view leaves what it served, for the next request that is exactly alike.
PLACE = "plumbline.standing"
LARGEST_BODY = 64 * 1024
# Headers of an answer that are made for each, and those of its body.
_OWN = re.compile(r"x-request-id|plumbline-.*|content-length|set-cookie", re.IGNORECASE)
_OF_BODY = re.compile(r"content-type|content-encoding|content-language", re.IGNORECASE)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Remembered:
    known: StandingAnswer
    headers: Headers
    headers_without_body: Headers


class StandingAnswers:
    """A WSGI application around another."""

    def __init__(self, application: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self._application = application
        self._memory: Memory[_Remembered] = Memory(MOST_BYTES_KEPT, lambda kept: len(kept.known.answer) + 2_000)
        forgotten_with_the_database(self._memory.clear)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        key = _key(environ)
        if key is None:
            return self._application(environ, start_response)
        remembered = self._memory.get(key)
        if remembered is not None:
            answer = _repeat(remembered, environ, start_response)
            if answer is not None:
                return answer
            self._memory.drop(key)
        return self._ask(key, environ, start_response)

    def _ask(self, key: bytes, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        served: list[StandingAnswer] = []
        said: list[tuple[str, Headers]] = []
        environ[PLACE] = served

        def listening(status: str, headers: Headers, *more: Any) -> Any:
            said.append((status, headers))
            return start_response(status, headers, *more)

        answer = self._application(environ, listening)
        # An agent that holds the bundle is told so, without a body, and asks again and again: that is remembered, too.
        if served and said and said[0][0][:3] in ("200", "304"):
            without = [each for each in headers_alike(said[0][1]) if not _OF_BODY.fullmatch(each[0])]
            kept = [*without, ("Content-Type", "application/json"), ("Content-Length", str(len(served[0].answer)))]
            self._memory.put(key, _Remembered(served[0], kept, without))
        return answer


def _key(environ: Environ) -> bytes | None:
    """What a request must have in common with an earlier one to be its repetition; None where it is none of ours.

    A key that is used from elsewhere gets a receipt of its own, which names where.
    """
    body = body_of(environ, address=ADDRESS)
    if body is None:
        return None
    return seal_of(environ, body, environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", ""))


def body_of(environ: Environ, *, address: str) -> bytes | None:
    """The body of a plain POST to that address, left to be read again; None where the request is anything else."""
    if environ["PATH_INFO"] != address or environ["REQUEST_METHOD"] != "POST" or environ.get("QUERY_STRING"):
        return None
    announced = environ.get("CONTENT_LENGTH") or ""
    if not announced.isdecimal() or not 0 < int(announced[:9]) <= LARGEST_BODY or len(announced) > 9:
        return None
    if "HTTP_TRANSFER_ENCODING" in environ or "HTTP_CONTENT_ENCODING" in environ or "HTTP_COOKIE" in environ:
        return None
    body: bytes = environ["wsgi.input"].read(int(announced))
    environ["wsgi.input"] = BytesIO(body)
    return body


def seal_of(environ: Environ, asked: bytes, *more: str) -> bytes:
    """A digest of what is asked and of who asks: credential, host, program, and in which form."""
    parts = (
        environ.get("HTTP_AUTHORIZATION", ""),
        environ.get("HTTP_HOST", ""),
        environ.get("CONTENT_TYPE", ""),
        environ.get("HTTP_USER_AGENT", ""),
        environ.get("HTTP_ACCEPT", ""),
        environ.get("wsgi.url_scheme", ""),
        *more,
    )
    seal = hashlib.sha256(asked)
    seal.update("\0".join(parts).encode("utf-8", "surrogateescape"))
    seal.update(b"%d" % len(asked))
    return seal.digest()


def headers_alike(headers: Headers) -> Headers:
    """Those that the next answer to the same caller has, too."""
    return [each for each in headers if not _OWN.fullmatch(each[0])]


def _repeat(remembered: _Remembered, environ: Environ, start_response: StartResponse) -> Iterable[bytes] | None:
    known = remembered.known
    request_id = request_id_in(environ)
    held = known.digest in held_digests(environ.get("HTTP_IF_NONE_MATCH", ""))
    try:
        handed: HandedOver | None = confirm(
            known, held=held, request_id=request_id, client=lambda: address_in(environ), now=datetime.now(UTC)
        )
    except (DatabaseFailure, psycopg.Error, RuntimeError):
        return None  # the whole way says what is wrong
    if handed is None:
        return None
    own = [*agreed_headers(handed), ("X-Request-Id", request_id)]
    if held:
        start_response("304 Not Modified", remembered.headers_without_body + own)
        return [b""]
    start_response("200 OK", remembered.headers + own)
    return [known.answer]
