"""Passages that changed made ready to show: what changed in substance first, with its evidence; must not judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from context.diffs import Span, TextDiff
from context.material import Aspect, PassageChange, Place

# Words around the evidence that are shown of a long passage.
AROUND = 160
SHOWN = 200

WORDS: dict[Aspect, str] = {
    "quantity": "Figure",
    "date": "Date",
    "identifier": "Name or version",
    "obligation": "Obligation",
    "negation": "Denial",
    "scope": "Scope",
    "term": "Term",
    "statement": "Statement",
    "numbering": "Numbering",
    "reference": "Reference",
    "stamp": "Date of the text",
    "wording": "Wording",
    "typo": "Spelling",
    "format": "Form",
}
_MOVES = {"moved": "moved", "split": "split in parts", "merged": "joined", "added": "new", "removed": "gone"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownPassage:
    """A passage that differs: what its change is called, why, and both sides with the evidence marked."""

    words: str
    move: str
    reasons: tuple[str, ...]
    old: tuple[Span, ...]
    new: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Substance:
    """The passages that changed in substance, and those that changed in form; at most `SHOWN` of each."""

    substantive: tuple[ShownPassage, ...]
    editorial: tuple[ShownPassage, ...]
    substantive_count: int
    editorial_count: int

    @property
    def substantive_words(self) -> str:
        return f"{self.substantive_count:,} substantive"

    @property
    def editorial_words(self) -> str:
        return f"{self.editorial_count:,} editorial"


def substance_of(diff: TextDiff) -> Substance:
    passages = diff.passages
    of_substance = [passage for passage in passages if passage.material]
    of_form = [passage for passage in passages if not passage.material]
    return Substance(
        substantive=tuple(_shown(passage) for passage in of_substance[:SHOWN]),
        editorial=tuple(_shown(passage) for passage in of_form[:SHOWN]),
        substantive_count=len(of_substance),
        editorial_count=len(of_form),
    )


def _shown(passage: PassageChange) -> ShownPassage:
    reasons = [reason for reason in passage.reasons if reason.substantive == passage.material]
    aspects = list(dict.fromkeys(WORDS[reason.aspect] for reason in reasons))
    return ShownPassage(
        words=", ".join([aspects[0], *(aspect.lower() for aspect in aspects[1:3])]) if aspects else "Place",
        move=_MOVES.get(passage.move, ""),
        reasons=tuple(dict.fromkeys(reason.why for reason in reasons)) or ((passage.why,) if passage.why else ()),
        old=_spans(passage.old, [reason.old for reason in reasons]),
        new=_spans(passage.new, [reason.new for reason in reasons]),
    )


def _spans(passage: Place | None, evidence: Sequence[Place | None]) -> tuple[Span, ...]:
    """The passage around its evidence, with the evidence marked."""
    if passage is None:
        return ()
    marks = sorted((place.start, place.end) for place in evidence if place is not None)
    if not marks:
        text = passage.text if len(passage.text) <= 3 * AROUND else passage.text[: 3 * AROUND] + "…"
        return (Span(text=text, changed=False),)
    first = max(passage.start, marks[0][0] - AROUND)
    last = min(passage.end, max(end for _, end in marks) + AROUND)
    spans: list[Span] = []
    at = first

    def add(start: int, end: int, *, changed: bool) -> None:
        text = passage.text[start - passage.start : end - passage.start]
        if text:
            spans.append(Span(text=text, changed=changed))

    if first > passage.start:
        spans.append(Span(text="… ", changed=False))
    for start, end in marks:
        if end <= at:
            continue
        add(at, max(at, start), changed=False)
        add(max(at, start), end, changed=True)
        at = end
    add(at, last, changed=False)
    if last < passage.end:
        spans.append(Span(text=" …", changed=False))
    return tuple(spans)
