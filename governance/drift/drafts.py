"""What a detector hands over: a finding before it is one, its evidence and how it may be mended; must not write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from context.digests import digest_of
from context.errors import InvalidInput
from governance.models import Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """A passage shown as evidence. `marks` are the character ranges of `text` to be highlighted."""

    key: str
    title: str
    version: int
    text: str
    marks: tuple[tuple[int, int], ...] = ()
    heading: str = ""
    anchor: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "version": self.version,
            "text": self.text,
            "marks": [list(mark) for mark in self.marks],
            "heading": self.heading,
            "anchor": self.anchor,
        }


def evidence(
    *,
    sentence: str,
    passages: Sequence[Excerpt] = (),
    figures: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Evidence as the pages show it: why this is wrong in a sentence, passages side by side, numbers by their names.

    `confirmable=False` says that confirming the text does not settle this one, though it does others of the detector.
    """
    made: dict[str, Any] = {"sentence": sentence}
    if passages:
        made["passages"] = [passage.as_json() for passage in passages]
    if figures:
        made["figures"] = dict(figures)
    return {**made, **{name: value for name, value in more.items() if value is not None}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """How the text may be mended: what the draft change of one click holds.

    `replacements` are made in the body of the version in force (old, new), each wherever the old stands; `fields`
    are set in the payload as they are (`body`, `valid_to`, …), those of `data` in its structured data; `figures` are
    exchanged wherever they stand in the structured data and the claims (old, new: 45 days, 30 days). `retire` takes the
    item out instead.
    """

    key: str
    reason: str
    replacements: tuple[tuple[str, str], ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    figures: tuple[tuple[str, str], ...] = ()
    retire: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "reason": self.reason,
            "replacements": [list(pair) for pair in self.replacements],
            "fields": dict(self.fields),
            "data": dict(self.data),
            "figures": [list(pair) for pair in self.figures],
            "retire": self.retire,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What a finding is about where that is neither an item nor a domain: a contract, an agent, a key."""

    type: str
    id: str
    label: str
    sensitivity: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingDraft:
    """What a detector saw, before it becomes a finding.

    Give `item_id` (the text somebody has to mend) or `domain_id`, with a `place` where it is about neither.
    `other_item_ids` are further items whose text the evidence shows: who may not see one of them does not see the
    finding. `size` is how much is wrong, from 0 (hardly anything) to 1: with the sensitivity and the use of the items
    it makes the severity, unless `severity` says it outright. `summary` is one sentence, without numbers that move by
    the day.
    """

    cause: Mapping[str, Any]
    summary: str
    evidence: Mapping[str, Any]
    basis: Mapping[str, Any] | None = None
    item_id: int | None = None
    other_item_ids: tuple[int, ...] = ()
    domain_id: int | None = None
    place: Place | None = None
    size: float = 0.5
    severity: Severity | None = None
    owner_id: int | None = None
    due_at: datetime | None = None
    proposal: Proposal | None = None

    def __post_init__(self) -> None:
        if self.item_id is None and self.domain_id is None and self.place is None:
            raise InvalidInput(
                "A finding is about something.", field="subject", fix="Give an item, a domain or a place."
            )

    def fingerprint(self, detector: str) -> str:
        return digest_of({"detector": detector, "cause": dict(self.cause)})

    @property
    def evidence_digest(self) -> str:
        """Of what a dismissal is bound to."""
        return digest_of(dict(self.evidence if self.basis is None else self.basis))
