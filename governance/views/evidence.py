"""Evidence as a page shows it: passages cut at their marks, figures, lists; must not judge what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A stretch of a passage, marked or not."""

    text: str
    marked: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A passage of a text, cut at its marks."""

    key: str
    title: str
    version: int | None
    heading: str
    anchor: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownEvidence:
    """What shows the finding: a sentence, passages, figures by name, and what else was kept."""

    sentence: str
    passages: tuple[Shown, ...]
    figures: tuple[tuple[str, Any], ...]
    lists: tuple[tuple[str, tuple[str, ...]], ...]
    more: tuple[tuple[str, Any], ...]

    @property
    def is_empty(self) -> bool:
        return not (self.sentence or self.passages or self.figures or self.lists or self.more)


def shown_evidence(evidence: Mapping[str, Any]) -> ShownEvidence:
    """Whatever a detector kept, however old; what is not as governance/drift/drafts.py makes it is shown as it is."""
    rest = dict(evidence)
    sentence = rest.pop("sentence", "")
    figures = rest.pop("figures", None)
    passages = rest.pop("passages", None)
    rest.pop("confirmable", None)
    lists = [(name, value) for name, value in rest.items() if _is_list_of_text(value)]
    return ShownEvidence(
        sentence=sentence if isinstance(sentence, str) else "",
        passages=tuple(_shown(each) for each in passages or () if isinstance(each, Mapping)),
        figures=tuple(figures.items()) if isinstance(figures, Mapping) else (),
        lists=tuple((name, tuple(value)) for name, value in lists if value),
        more=tuple((name, value) for name, value in rest.items() if not _is_list_of_text(value)),
    )


def _shown(passage: Mapping[str, Any]) -> Shown:
    text = str(passage.get("text", ""))
    version = passage.get("version")
    return Shown(
        key=str(passage.get("key", "")),
        title=str(passage.get("title", "")),
        version=version if isinstance(version, int) else None,
        heading=str(passage.get("heading", "")),
        anchor=str(passage.get("anchor", "")),
        parts=tuple(_parts(text, passage.get("marks") or ())),
    )


def _parts(text: str, marks: Any) -> list[Part]:
    spans = sorted(
        (max(0, begin), min(len(text), end))
        for begin, end in (each for each in marks if isinstance(each, list | tuple) and len(each) == 2)
        if isinstance(begin, int) and isinstance(end, int)
    )
    found, at = [], 0
    for begin, end in spans:
        if end <= at or begin >= end:
            continue
        begin = max(begin, at)
        if begin > at:
            found.append(Part(text=text[at:begin], marked=False))
        found.append(Part(text=text[begin:end], marked=True))
        at = end
    if at < len(text):
        found.append(Part(text=text[at:], marked=False))
    return found


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
