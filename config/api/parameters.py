"""Reads the query string strictly: known names, once each, of the right shape; must not know what they filter."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.http import QueryDict

from config.api.errors import InvalidParameter
from context.moments import HOW_TO_WRITE, moment_of

LONGEST_VALUE = 2_000


class Parameters:
    """The query of one request. `allowed` are all names it may have; those in `many` may stand more than once."""

    def __init__(self, query: QueryDict, *, allowed: Collection[str], many: Collection[str] = ()) -> None:
        for name in query:
            if name not in allowed:
                known = ", ".join(sorted(allowed)) or "none"
                raise InvalidParameter(
                    f"There is no parameter {_shown(name)} here.", field=_shown(name), fix=f"Use one of: {known}."
                )
            values = query.getlist(name)
            if len(values) > 1 and name not in many:
                raise InvalidParameter(f"{name} stands more than once.", field=name, fix="Send it once.")
            for value in values:
                self._check(name, value)
        self._query = query

    @staticmethod
    def _check(name: str, value: str) -> None:
        if len(value) > LONGEST_VALUE:
            raise InvalidParameter(f"{name} is too long.", field=name, limit=LONGEST_VALUE, fix="Shorten it.")
        if "\x00" in value:
            raise InvalidParameter(f"{name} holds a NUL character.", field=name, fix="Remove the NUL character.")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidParameter(f"{name} holds a lone surrogate.", field=name, fix="Send UTF-8.")

    def text(self, name: str) -> str:
        """The value without surrounding space; empty where it is not given."""
        return self._query.get(name, "").strip()

    def texts(self, name: str) -> list[str]:
        return [value.strip() for value in self._query.getlist(name) if value.strip()]

    def choice(self, name: str, options: Sequence[str]) -> str:
        """One of `options`, or empty where it is not given."""
        value = self.text(name)
        if value and value not in options:
            raise InvalidParameter(f"{name} is not one of its words.", field=name, fix=f"Use {', '.join(options)}.")
        return value

    def integer(self, name: str, *, default: int, minimum: int, maximum: int) -> int:
        value = self.text(name)
        if not value:
            return default
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
            raise InvalidParameter(f"{name} is not a whole number.", field=name, limit=maximum, fix="Send digits.")
        if not minimum <= int(value) <= maximum:
            raise InvalidParameter(
                f"{name} is {value}: it must be between {minimum} and {maximum}.",
                field=name,
                limit=maximum,
                fix=f"Send a number from {minimum} to {maximum}.",
            )
        return int(value)

    def moment(self, name: str) -> datetime | None:
        """An ISO 8601 date or time; without an offset it is UTC, a date is its first moment."""
        value = self.text(name)
        moment = moment_of(value)
        if value and moment is None:
            raise InvalidParameter(f"{name} is not a date or time.", field=name, fix=HOW_TO_WRITE)
        return moment


def _shown(name: str) -> str:
    return name[:60].encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
