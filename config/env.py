"""Typed readers of environment variables that fail loudly with the variable's name; must not know any setting."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


class EnvironmentVariableError(RuntimeError):
    """An environment variable has a value that cannot be used; the message names it and says what would do."""


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def flag(name: str, *, default: bool) -> bool:
    raw = os.environ.get(name)
    if raw is None or raw == "":
        return default
    lowered = raw.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise EnvironmentVariableError(f"{name} is {raw!r}: write 1 or 0, true or false, yes or no.")


def integer(name: str, default: int, *, minimum: int | None = None) -> int:
    raw = os.environ.get(name)
    if raw is None or raw == "":
        return default
    try:
        value = int(raw)
    except ValueError:
        raise EnvironmentVariableError(f"{name} is {raw!r}: write a whole number.") from None
    if minimum is not None and value < minimum:
        raise EnvironmentVariableError(f"{name} is {value}: it must be {minimum} or more.")
    return value


def choice(name: str, choices: tuple[str, ...]) -> str:
    """One of the choices; the first unless another is named."""
    value = os.environ.get(name, "").strip().lower() or choices[0]
    if value not in choices:
        raise EnvironmentVariableError(f"{name} is {value!r}: write one of {', '.join(filter(None, choices))}.")
    return value


def url(name: str) -> str:
    """An http or https address, empty unless given. The message on what is wrong does not repeat it."""
    value = os.environ.get(name, "").strip()
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query):
        raise EnvironmentVariableError(f"{name} must look like https://host:port/path, without a user or a query.")
    return value


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    raw = os.environ.get(name)
    if raw is None:
        return list(default)
    return [word.strip() for word in raw.split(",") if word.strip()]


def pairs(name: str) -> dict[str, str]:
    """Read `first=value second=value`, parted by white space. The message on what is wrong repeats no value."""
    found = {}
    for entry in os.environ.get(name, "").split():
        key, equals, value = entry.partition("=")
        if not equals or not key or not value:
            raise EnvironmentVariableError(f"{name} must be written as name=value, parted by spaces.")
        found[key] = value
    return found


def database(name: str, default: str = "") -> dict[str, Any]:
    """Read a `postgresql://user:password@host:port/name?option=value` URL into Django's connection settings."""
    raw = os.environ.get(name) or default
    parts = urlsplit(raw)
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise EnvironmentVariableError(f"{name} must look like postgresql://user:password@host:5432/database.")
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }
