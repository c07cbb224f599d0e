"""Finds passages that two items once had in common and of which a later edit reached only one; must not write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from context.models import ContextVersion
from governance.drift.duplicates_likeness import Paragraph, likeness, paragraphs_of, why_other
from governance.drift.duplicates_passages import PassageText

LEAST_KIN = 0.5  # paragraphs that may be two editions of one
LEAST_SAME = 0.97
MOST_VERSIONS = 50  # back in time


@dataclass(frozen=True, kw_only=True, slots=True)
class Divergence:
    """`stayed` still says what `edited` said before its version `version`; places and texts are of the paragraphs."""

    stayed: PassageText
    edited: PassageText
    stayed_place: tuple[int, int]
    edited_place: tuple[int, int]
    stayed_text: str
    edited_text: str
    version: int
    why: str


def divergences(pairs: Sequence[tuple[PassageText, PassageText]], *, fewest_words: int) -> list[Divergence]:
    """Of pairs of passages that are near but not the same, those where one item was edited alone.

    One statement for the earlier versions of all items concerned.
    """
    candidates = [
        (one, other, ours, theirs)
        for one, other in pairs
        for ours, theirs in _kin(one.text, other.text, fewest_words=fewest_words)
    ]
    if not candidates:
        return []
    earlier = _earlier({passage.item_id for one, other, *_ in candidates for passage in (one, other)}, fewest_words)
    found = []
    for one, other, ours, theirs in candidates:
        for stayed, stays, edited, edit in ((one, ours, other, theirs), (other, theirs, one, ours)):
            divergence = _diverged(stayed, stays, edited, edit, earlier)
            if divergence is not None:
                found.append(divergence)
                break
    return found


def _kin(one: str, other: str, *, fewest_words: int) -> Iterable[tuple[Paragraph, Paragraph]]:
    """Each paragraph of one with the likest of the other, where they are not the same."""
    theirs = list(paragraphs_of(other, fewest_words=fewest_words))
    for ours in paragraphs_of(one, fewest_words=fewest_words):
        rated = [(likeness(ours.words, each.words, least=LEAST_KIN), each) for each in theirs]
        best, likest = max(rated, key=lambda pair: pair[0], default=(0.0, None))
        if likest is not None and LEAST_KIN <= best < 1.0:
            yield ours, likest


def _diverged(
    stayed: PassageText,
    stays: Paragraph,
    edited: PassageText,
    edit: Paragraph,
    earlier: Mapping[int, Sequence[tuple[int, Sequence[Paragraph]]]],
) -> Divergence | None:
    """Whether an earlier version of the edited item said what the other still says, and now says something else."""
    older = earlier.get(edited.item_id, ())
    last_same = next(
        (
            number
            for number, paragraphs in older
            if number < edited.version
            and any(likeness(each.words, stays.words, least=LEAST_SAME) >= LEAST_SAME for each in paragraphs)
        ),
        None,
    )
    if last_same is None:
        return None
    stayed_text, edited_text = stayed.text[stays.start : stays.end], edited.text[edit.start : edit.end]
    why = why_other(stayed_text, edited_text)
    if not why:
        return None
    numbers = sorted(number for number, _ in older if number > last_same)
    return Divergence(
        stayed=stayed,
        edited=edited,
        stayed_place=(stays.start, stays.end),
        edited_place=(edit.start, edit.end),
        stayed_text=stayed_text,
        edited_text=edited_text,
        version=min([*numbers, edited.version]),
        why=why,
    )


def _earlier(item_ids: Iterable[int], fewest_words: int) -> dict[int, list[tuple[int, Sequence[Paragraph]]]]:
    """The paragraphs of each item's versions, the latest first."""
    found: dict[int, list[tuple[int, Sequence[Paragraph]]]] = {}
    rows = ContextVersion.objects.filter(item_id__in=sorted(item_ids)).order_by("item_id", "-number")
    for item_id, number, body in rows.values_list("item_id", "number", "body"):
        held = found.setdefault(item_id, [])
        if len(held) < MOST_VERSIONS:
            held.append((number, tuple(paragraphs_of(body, fewest_words=fewest_words))))
    return found
