"""Reads values of unknown shape and collects what is wrong with them, each at its place; must not know rule sets."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from agents.problems import Problem

MOST_PROBLEMS = 200


class Reader:
    """Every method gives a value of the type asked for, a harmless one where it notes a fault."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def fault(self, place: str, code: str, message: str, fix: str = "") -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(level="error", code=code, place=place, message=message, fix=fix))

    def objects(self, stated: Any, *, place: str, most: int, least: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each object of a list, with its place."""
        listed = [] if stated is None else stated
        if not isinstance(listed, list) or not least <= len(listed) <= most:
            self.fault(place, "shape", f"This is a list of {least} to {most} entries.", "Correct the list.")
            return
        for number, each in enumerate(listed):
            if isinstance(each, Mapping):
                yield f"{place}.{number}", each
            else:
                self.fault(f"{place}.{number}", "shape", "This is an object.", "Write {…}.")

    def only(self, stated: Mapping[str, Any], names: Collection[str], *, place: str) -> None:
        for name in sorted(set(map(str, stated)) - set(names)):
            self.fault(f"{place}.{name[:60]}", "shape", f"There is no “{name[:60]}” here.", f"Use: {', '.join(names)}.")

    def text(self, stated: Any, *, place: str, longest: int) -> str:
        if not isinstance(stated, str) or len(stated) > longest or "\x00" in stated:
            self.fault(place, "shape", f"This is text of at most {longest} characters.", "Shorten or correct it.")
            return ""
        return stated

    def matching(self, stated: Any, *, place: str, pattern: str, longest: int) -> str:
        if not isinstance(stated, str) or len(stated) > longest or not re.fullmatch(pattern, stated):
            self.fault(
                place,
                "shape",
                f"{str(stated)[:60]!r} is not a name." if stated else "A name is missing here.",
                f"Use lower-case letters, digits and {'underscores' if '_' in pattern else 'hyphens'}.",
            )
            return ""
        return stated

    def one_of(self, stated: Any, known: Collection[str], *, place: str) -> Any:
        if stated not in known:
            self.fault(place, "shape", f"There is no {str(stated)[:60]!r} here.", f"Use one of: {', '.join(known)}.")
            return next(iter(known))
        return stated

    def whole(self, stated: Any, *, place: str, least: int, most: int) -> int:
        if not isinstance(stated, int) or isinstance(stated, bool) or not least <= stated <= most:
            self.fault(place, "shape", f"This is a whole number from {least} to {most}.", "Correct the number.")
            return least
        return stated
