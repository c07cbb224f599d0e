"""What is wrong with a draft of rules or of a flow, each at its place, and the error of it; must not look for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from context.errors import DomainError, InvalidInput

MOST_TOLD = 50

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What is wrong, or worth knowing, at a place such as `rules.3.when.0.value`. Only errors keep from publishing."""

    level: Level
    code: str
    place: str
    message: str
    fix: str = ""

    @classmethod
    def of_error(cls, error: DomainError) -> Self:
        """An error of the draft's plain shape, told as its other problems are."""
        return cls(level="error", code=error.type, place=error.field or "", message=error.detail, fix=error.fix or "")

    @property
    def where(self) -> str:
        """The place as a person counts it, such as `Rule 4`; empty where it is the whole."""
        section, _, rest = self.place.partition(".")
        number = rest.partition(".")[0]
        one = {"rules": "Rule", "task_types": "Type of task", "fields": "Field"}.get(section)
        if one is not None and number.isdigit():
            return f"{one} {int(number) + 1}"
        return section.replace("_", " ").capitalize()

    def as_json(self) -> dict[str, str]:
        return {
            "level": self.level,
            "code": self.code,
            "place": self.place,
            "message": self.message,
            "fix": self.fix,
        }


class ProblemsFound(InvalidInput):
    """A draft has faults: says the first and lists the others in `problems`, each with its place."""

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> Self:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return cls(
            first.message + more,
            field=first.place,
            fix=first.fix or "Correct the named place.",
            problems=[each.as_json() for each in problems[:MOST_TOLD]],
        )
