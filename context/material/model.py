"""What a change of a passage is called, and the evidence for it; must not compare texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Label = Literal["changed-number", "changed-term", "changed-modality", "reworded", "unchanged"]
LABELS: tuple[Label, ...] = ("changed-number", "changed-term", "changed-modality", "reworded", "unchanged")
Move = Literal["same", "moved", "split", "merged", "added", "removed"]
Aspect = Literal[
    # of substance
    "quantity", "date", "identifier", "obligation", "negation", "scope", "term", "statement",
    # of form
    "numbering", "reference", "stamp", "wording", "typo", "format",
]  # fmt: skip
SUBSTANTIVE: frozenset[Aspect] = frozenset(
    {"quantity", "date", "identifier", "obligation", "negation", "scope", "term", "statement"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A run of a text: `source[start:end] == text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One difference within a passage: what kind, where on each side (None where that side has nothing), and why."""

    aspect: Aspect
    old: Place | None
    new: Place | None
    why: str

    @property
    def substantive(self) -> bool:
        return self.aspect in SUBSTANTIVE


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageChange:
    """One passage on both sides, what its change is called, and whether it is one of substance.

    `old` and `new` are the passage in the whole texts; `move` says how it came to stand where it does. The first of
    `reasons` is the weightiest.
    """

    label: Label
    material: bool
    move: Move
    old: Place | None
    new: Place | None
    reasons: tuple[Reason, ...] = field(default=())

    @property
    def why(self) -> str:
        if self.reasons:
            return self.reasons[0].why
        return "Stands in another place now." if self.move == "moved" else ""

    @property
    def changed(self) -> bool:
        return bool(self.reasons) or self.move != "same"
