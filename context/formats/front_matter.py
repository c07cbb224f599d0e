"""Reads the metadata at the head of a Markdown file, in YAML, TOML or JSON; must not guess where it is broken."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import yaml

LONGEST = 65_536
DEEPEST = 12
_FENCES = {"---": "yaml", "+++": "toml", ";;;": "json", "---yaml": "yaml", "---toml": "toml", "---json": "json"}
_LOOKS_LIKE_A_FIELD = re.compile(r"[\w\"'-][\w .\"'-]*\s*[:=]")


class FrontMatterBroken(ValueError):
    """The file begins like front matter that cannot be read; the message says why, for a person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontMatter:
    """The fields (plain JSON values), the text below them, and the dialect (empty where there is none)."""

    body: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    dialect: str = ""


def read(text: str) -> FrontMatter:
    """Split `text` into its front matter and its body. Raises FrontMatterBroken; a text without any is all body."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("{"):
        return _bare_json(text)
    opening, _, rest = text.partition("\n")
    dialect = _FENCES.get(opening.rstrip().replace(" ", ""))
    if dialect is None:
        return FrontMatter(body=text)
    fence = opening.strip()[:3]
    source, body = _until(rest, {fence, "..."} if fence == "---" else {fence})
    if source is None:
        if _LOOKS_LIKE_A_FIELD.match(rest):
            raise FrontMatterBroken(f"front matter is opened with {fence} and never closed")
        return FrontMatter(body=text)  # a rule across the page, not front matter
    if len(source) > LONGEST:
        raise FrontMatterBroken(f"front matter is longer than {LONGEST:,} characters")
    try:
        value = _PARSERS[dialect](source)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FrontMatterBroken(f"front matter is not {dialect.upper()}: {_brief(error)}") from None
    if value is None:
        return FrontMatter(body=body, dialect=dialect)
    if not isinstance(value, dict):
        if fence == "---" and isinstance(value, str) and not _LOOKS_LIKE_A_FIELD.match(rest):
            return FrontMatter(body=text)  # prose between two rules
        raise FrontMatterBroken("front matter is not a set of named fields")
    return FrontMatter(body=body, fields=_plain(value, 0), dialect=dialect)


def _bare_json(text: str) -> FrontMatter:
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        if re.match(r"\{\s*\"", text):
            raise FrontMatterBroken("front matter begins like JSON and is not") from None
        return FrontMatter(body=text)
    if not isinstance(value, dict) or end > LONGEST or text[end : end + 1] not in {"", "\n"}:
        return FrontMatter(body=text)
    return FrontMatter(body=text[end + 1 :], fields=_plain(value, 0), dialect="json")


def _until(text: str, fences: set[str]) -> tuple[str | None, str]:
    position = 0
    while position < len(text):
        end = text.find("\n", position)
        line_end = len(text) if end < 0 else end
        if text[position:line_end].rstrip() in fences:
            return text[:position], text[line_end + 1 :]
        position = line_end + 1
    return None, text


class _NoAliases(yaml.SafeLoader):
    """YAML without anchors: they have no use here, and nested ones grow without bound when they are written out."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not read")
        return super().compose_node(parent, index)


def _yaml(source: str) -> Any:
    return yaml.load(source, Loader=_NoAliases)  # noqa: S506  a safe loader, less its aliases


def _json(source: str) -> Any:
    return json.loads(source if source.lstrip().startswith("{") else f"{{{source}}}")


_PARSERS: dict[str, Callable[[str], Any]] = {"yaml": _yaml, "toml": tomllib.loads, "json": _json}


def _plain(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise FrontMatterBroken(f"front matter is nested deeper than {DEEPEST} levels")
    if isinstance(value, dict):
        return {str(name): _plain(part, depth + 1) for name, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(part, depth + 1) for part in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _brief(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).split("\n")[0]
    return f"{problem[:120]} (line {mark.line + 2})" if mark is not None else str(problem)[:120]
