"""Reads who owns which files from a CODEOWNERS file, as GitHub does; must not know people or groups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
LARGEST = 1_000_000
_SECTION = re.compile(r"^\^?\[[^\]]+\](\[\d+\])?")


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    owners: tuple[str, ...]


class CodeOwners:
    """The rules of one file; the last that matches a path decides, and may decide for nobody."""

    def __init__(self, source: str = "") -> None:
        self._rules: list[_Rule] = []
        for line in source.splitlines():
            entry = line.strip()
            if not entry or entry.startswith("#") or _SECTION.match(entry):
                continue
            pattern, *owners = _words(entry)
            self._rules.append(_Rule(_compiled(pattern), tuple(owners)))

    def owners_of(self, path: PurePosixPath) -> tuple[str, ...]:
        """The owners as they are written (`@user`, `@org/team`, an address), in order."""
        name = path.as_posix()
        for rule in reversed(self._rules):
            if rule.pattern.fullmatch(name):
                return rule.owners
        return ()


def find(directory: Path) -> CodeOwners:
    """The rules that hold in that tree; none where there is no file or it cannot be read."""
    for place in PLACES:
        path = directory / place
        try:
            if path.is_file() and path.stat().st_size <= LARGEST:
                return CodeOwners(path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return CodeOwners()


def _words(entry: str) -> Sequence[str]:
    words = []
    for word in re.split(r"(?<!\\)\s+", entry):
        if word.startswith("#"):
            break
        words.append(word.replace("\\ ", " "))
    return words


def _compiled(pattern: str) -> re.Pattern[str]:
    """`*` stays within a folder, `**` does not; a pattern without a slash holds anywhere, a folder for all below it."""
    anchored = "/" in pattern.rstrip("/")
    body = pattern.strip("/")
    only_direct = body.endswith("/*")
    expression = ""
    position = 0
    while position < len(body):
        if body.startswith("**/", position):
            expression += "(?:[^/]+/)*+"
            position += 3
        elif body.startswith("**", position):
            expression += ".*+"
            position += 2
        elif body[position] == "*":
            expression += "[^/]*"
            position += 1
        elif body[position] == "?":
            expression += "[^/]"
            position += 1
        else:
            expression += re.escape(body[position].removeprefix("\\"))
            position += 1
    below = "" if only_direct else ("/.+" if pattern.endswith("/") else "(?:/.+)?")
    return re.compile(("" if anchored else "(?:.+/)?") + expression + below, re.DOTALL)
