"""Reads who owns which files from a CODEOWNERS file, as GitHub does; must not know people or groups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
LARGEST = 1_000_000
LONGEST_PATTERN = 1_000
_SECTION = re.compile(r"^\^?\[[^\]]+\](\[\d+\])?")


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: _Pattern
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
            self._rules.append(_Rule(_Pattern.read(pattern[:LONGEST_PATTERN]), tuple(owners)))

    def owners_of(self, path: PurePosixPath) -> tuple[str, ...]:
        """The owners as they are written (`@user`, `@org/team`, an address), in order."""
        for rule in reversed(self._rules):
            if rule.pattern.matches(path):
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


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A path pattern: `*` stays within a folder, `**` does not; without a slash it holds anywhere."""

    segments: tuple[str, ...]
    below: Literal["only", "also", "not"]  # whether it means what is below a folder of that name

    @classmethod
    def read(cls, text: str) -> _Pattern:
        body = text.strip("/")
        anywhere = "/" not in text.rstrip("/")
        segments = tuple(part for part in body.split("/") if part)
        below: Literal["only", "also", "not"] = "also"
        if text.endswith("/"):
            below = "only"
        elif body.endswith("/*"):
            below = "not"
        return cls(segments=("**", *segments) if anywhere else segments, below=below)

    def matches(self, path: PurePosixPath) -> bool:
        # For each part of the path: which places in the pattern can have been reached. No backtracking, so that a
        # pattern full of stars costs no more than its length times the path's.
        reached = _skipping({0}, self.segments)
        end = len(self.segments)
        for place, part in enumerate(path.parts):
            following = set()
            for at in reached:
                if at == end:
                    continue
                if self.segments[at] == "**":
                    following.add(at)
                elif _fits(part, self.segments[at]):
                    following.add(at + 1)
            reached = _skipping(following, self.segments)
            last = place == len(path.parts) - 1
            if end in reached and (self.below != "only" if last else self.below != "not"):
                return True
        return False


def _skipping(reached: set[int], segments: Sequence[str]) -> set[int]:
    """With the places reached by letting `**` stand for no folder at all."""
    every = set(reached)
    for at in sorted(reached):
        while at < len(segments) and segments[at] == "**":
            at += 1
            every.add(at)
    return every


def _fits(name: str, pattern: str) -> bool:
    """Whether `*` and `?` of the pattern can stand for parts of the name."""
    at = position = 0
    star, resumed = -1, 0
    while position < len(name):
        if at < len(pattern) and pattern[at] == "*":
            star, resumed = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", name[position]):
            at, position = at + 1, position + 1
        elif star >= 0:
            resumed += 1
            at, position = star + 1, resumed
        else:
            return False
    return not pattern[at:].strip("*")
