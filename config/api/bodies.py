"""Reads a JSON body strictly: bounded, UTF-8, one reading, nothing that cannot be stored; must not know its fields."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.parsers import BaseParser

from config.api.errors import BodyTooLarge, LengthRequired, MalformedJson, UnsupportedMediaType
from context.digests import DEEPEST_NESTING, LARGEST_INTEGER, check_storable
from context.errors import InvalidInput

LONGEST_NUMBER = 400


def body_limit() -> int:
    """How many bytes a JSON body may have."""
    return int(settings.BODY_LIMIT_BYTES)


def read_json(request: HttpRequest, *, limit: int | None = None) -> dict[str, Any]:
    """The body as a JSON object; an empty body reads as an empty object. For DRF's views and plain ones.

    Raises LengthRequired, UnsupportedMediaType, BodyTooLarge (before reading, where the length is announced),
    MalformedJson or InvalidInput. At most `limit` + 1 bytes are ever held.
    """
    most = body_limit() if limit is None else limit
    announced = _announced_length(request)
    if not announced and "Transfer-Encoding" in request.headers:
        # Without a length WSGI passes no body on: it would read as empty.
        raise LengthRequired("The body comes without its length.", field="Content-Length", fix="Send Content-Length.")
    if announced > most:
        raise _too_large(most)
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Encoded bodies are not read here.", fix="Send the body without Content-Encoding.")
    if announced and request.content_type != "application/json":
        raise UnsupportedMediaType(
            f"The body is {request.content_type or 'of no stated type'}.", fix="Send Content-Type: application/json."
        )
    return parse_object(_bounded(request, most))


def _announced_length(request: HttpRequest) -> int:
    announced = str(request.META.get("CONTENT_LENGTH") or "0")
    return int(announced[:18]) if announced.isdecimal() else 0


def _bounded(stream: HttpRequest | IO[bytes], most: int) -> bytes:
    raw = bytes(stream.read(most + 1))
    if len(raw) > most:
        raise _too_large(most)
    return raw


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is longer than {most} bytes.", limit=most, fix="Send less at a time.")


def parse_object(raw: bytes) -> dict[str, Any]:
    """One JSON object. Refuses invalid UTF-8, duplicate names, NaN and infinities, deep nesting, lone surrogates."""
    if not raw.strip(b" \t\r\n"):
        return {}
    try:
        text = raw.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_number,
        )
    except UnicodeDecodeError as error:
        raise MalformedJson(f"The body is not UTF-8 (byte {error.start}).", fix="Send UTF-8.") from error
    except json.JSONDecodeError as error:
        raise MalformedJson(
            f"{error.msg} at line {error.lineno}, column {error.colno}.", fix="Send one well-formed JSON object."
        ) from error
    except RecursionError as error:
        raise MalformedJson(
            f"The body is nested deeper than {DEEPEST_NESTING} levels.",
            limit=DEEPEST_NESTING,
            fix="Flatten the structure.",
        ) from error
    if not isinstance(value, dict):
        raise MalformedJson("The body is not a JSON object.", fix="Send an object: {…}.")
    check_storable(value, field="body")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise MalformedJson(f"The name {twice[:80]!r} stands twice in one object.", fix="Name each field once.")
    return found


def _no_constant(name: str) -> Any:
    raise MalformedJson(f"{name} is not a JSON number.", fix="Use a finite number or null.")


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise _out_of_range()
    return int(digits)


def _number(text: str) -> float:
    value = float(text) if len(text) <= LONGEST_NUMBER else math.inf
    if math.isinf(value):
        raise _out_of_range()
    return value


def _out_of_range() -> InvalidInput:
    return InvalidInput(
        "The body holds a number that cannot be stored exactly.",
        field="body",
        limit=LARGEST_INTEGER,
        fix="Write it as text, or use a smaller number.",
    )


class StrictJsonParser(BaseParser):
    """DRF's way to `parse_object`; the only parser there is."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        return parse_object(_bounded(stream, body_limit()))
