"""SHA-256 over canonical JSON (RFC 8785), the one way things are fingerprinted; must not touch a database."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import orjson
import rfc8785

from context.errors import InvalidInput

# RFC 8785 numbers are IEEE doubles; integers beyond this have no exact canonical form.
LARGEST_INTEGER = 2**53 - 1
DEEPEST_NESTING = 40


def canonical(value: Any) -> bytes:
    """The RFC 8785 form of `value`; datetimes become UTC ISO 8601 with microseconds, dates ISO 8601."""
    try:
        if _is_ordinary(value):
            with suppress(orjson.JSONEncodeError):  # what is no Unicode, or nested too deeply, is judged below
                return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        return rfc8785.dumps(plain(value))
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeError) as error:
        raise InvalidInput(
            f"This cannot be written as canonical JSON: {error}",
            fix="Use numbers between -(2^53-1) and 2^53-1 and well-formed Unicode text.",
        ) from error


def _is_ordinary(value: Any) -> bool:
    """Whether it is of nothing but text, whole numbers and lists and objects of such, whose names are ASCII.

    What orjson makes of that is its canonical form, byte by byte, ten times as quickly. Of fractions and names beyond
    ASCII it is not: RFC 8785 writes the ones and orders the others as JavaScript does.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-LARGEST_INTEGER <= value <= LARGEST_INTEGER)
    if kind is dict:
        return all(type(name) is str and name.isascii() and _is_ordinary(part) for name, part in value.items())
    return (kind is list or kind is tuple) and all(map(_is_ordinary, value))


def digest_of(value: Any) -> str:
    """The SHA-256 of the canonical form, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def iso(moment: datetime) -> str:
    """A moment as it stands in digests and in the ledger: UTC, microseconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(value: Any) -> Any:
    """`value` with tuples as lists and moments as text: what JSON can say."""
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(part) for part in value]
    return value


def check_storable(value: Any, *, field: str, depth: int = 0) -> None:
    """Refuse what PostgreSQL or canonical JSON cannot hold: NUL, lone surrogates, deep nesting, huge numbers."""
    if depth > DEEPEST_NESTING:
        raise InvalidInput(
            f"{field} is nested deeper than {DEEPEST_NESTING} levels.",
            field=field,
            limit=DEEPEST_NESTING,
            fix="Flatten the structure.",
        )
    if isinstance(value, str):
        if "\x00" in value:
            raise InvalidInput(f"{field} holds a NUL character.", field=field, fix="Remove the NUL character.")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise InvalidInput(
                f"{field} holds a lone surrogate, which is not a character.", field=field, fix="Send valid Unicode."
            ) from None
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise InvalidInput(
                f"{field} holds a number too large to be stored exactly.",
                field=field,
                limit=LARGEST_INTEGER,
                fix="Write it as text.",
            )
    elif isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise InvalidInput(f"{field} holds a number that is not finite.", field=field, fix="Use a finite number.")
    elif isinstance(value, Mapping):
        for name, part in value.items():
            check_storable(name, field=field, depth=depth + 1)
            check_storable(part, field=f"{field}.{name}"[:200], depth=depth + 1)
    elif isinstance(value, Sequence):
        for part in value:
            check_storable(part, field=field, depth=depth + 1)
