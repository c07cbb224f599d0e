"""Reads a web address as a source: conditional, bounded, from allow-listed hosts; must not judge what changed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from governance import outgoing
from governance.drift.sources.problems import SourceProblem, Why
from governance.drift.sources.texts import LARGEST_TEXT, text_of

SECONDS = 20.0
_SENT = {
    "Accept": "text/markdown, text/plain;q=0.9, text/html;q=0.8",
    "Accept-Encoding": "identity",
    "User-Agent": "Plumbline",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class WebReading:
    """`text` is None where the address says that nothing changed since the reading of these validators."""

    text: str | None
    etag: str
    last_modified: str


def read_url(
    url: str, *, allowed: outgoing.Allowed, etag: str = "", last_modified: str = "", seconds: float = SECONDS
) -> WebReading:
    """SourceProblem where there is no text to be had."""
    headers = dict(_SENT)
    if etag:
        headers["If-None-Match"] = etag
    if last_modified:
        headers["If-Modified-Since"] = last_modified
    try:
        page = outgoing.get(url, allowed=allowed, headers=headers, seconds=seconds, longest=LARGEST_TEXT)
    except outgoing.AddressRefused as refusal:
        raise SourceProblem(Why.REFUSED, f"{refusal.detail} {refusal.fix or ''}".strip()) from refusal
    except outgoing.AnswerTooLong as error:
        raise SourceProblem(Why.TOO_LARGE, f"It is too large: {error}") from error
    except outgoing.AnswerTooSlow as error:
        raise SourceProblem(Why.TOO_SLOW, f"Reading it took longer than {seconds:g} seconds and was ended.") from error
    except outgoing.NotReachable as error:
        raise SourceProblem(Why.UNREACHABLE, f"It could not be reached: {error}.") from error
    if page.status == 304 and (etag or last_modified):
        return WebReading(text=None, etag=etag, last_modified=last_modified)
    _require_answer(page.status)
    body = _unpacked(page.body, page.headers.get("content-encoding", ""))
    text = text_of(body, name=_name(page.url), content_type=page.headers.get("content-type", ""))
    return WebReading(
        text=text, etag=_held(page.headers.get("etag")), last_modified=_held(page.headers.get("last-modified"))
    )


def _require_answer(status: int) -> None:
    if status in (401, 403):
        raise SourceProblem(Why.SIGN_IN, f"It may not be read without signing in (status {status}).")
    if status in (404, 410):
        raise SourceProblem(Why.GONE, f"There is nothing at this address any more (status {status}).")
    if status >= 500 or status == 429:
        raise SourceProblem(Why.UNREACHABLE, f"The other side has trouble of its own (status {status}).")
    if status != 200:
        raise SourceProblem(Why.REFUSED, f"The other side refused it (status {status}).")


def _unpacked(body: bytes, encoding: str) -> bytes:
    """A body that was packed although plain was asked for, unpacked as far as a text may be long."""
    if encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise SourceProblem(Why.NOT_TEXT, f"It came packed as {encoding[:40]}, which was not asked for.")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        found = unpacker.decompress(body, LARGEST_TEXT + 1)
    except zlib.error:
        raise SourceProblem(Why.NOT_TEXT, "It came packed, and could not be unpacked.") from None
    if len(found) > LARGEST_TEXT:
        raise SourceProblem(Why.TOO_LARGE, "It came packed and unpacks to more than a text may be long.")
    return found


def _name(url: str) -> str:
    return PurePosixPath(unquote(urlsplit(url).path)).name or "page"


def _held(value: str | None) -> str:
    """A validator to send back, unless it is longer than one should be."""
    return value if value and len(value) <= 200 and value.isascii() else ""
