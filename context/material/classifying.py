"""Says of two texts which passages changed in substance and which only in form; must not read rows or ask a model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from context.material.aligning import Pairing, align
from context.material.comparing import compare
from context.material.keeping import Kept
from context.material.lexicon import NEGATIONS, SCOPE
from context.material.model import Aspect, PassageChange, Reason
from context.material.obligations import markers_in
from context.material.passages import Passage, normalised, passage_at, passages_of
from context.quantities import quantities_in

# Characters of the texts whose answers are kept in memory; an answer is about three times as large.
CHARACTERS_KEPT = 4_000_000
_KEPT: Kept[tuple[PassageChange, ...]] = Kept(characters=CHARACTERS_KEPT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Weight:
    """How many passages changed in substance, and how many only in form."""

    substantive: int
    editorial: int

    def __str__(self) -> str:
        return f"{self.substantive:,} substantive, {self.editorial:,} editorial"

    def __add__(self, other: Weight) -> Weight:
        return Weight(substantive=self.substantive + other.substantive, editorial=self.editorial + other.editorial)


def classify(old: str, new: str, *, terms: Collection[str] = ()) -> list[PassageChange]:
    """The passages of both texts, paired and judged, in the order of the new text. Unchanged ones are among them.

    `terms` are the organisation's defined terms, if known: a defined term that gave way to a word that is none is said
    so. The same texts always give the same answer, which is kept by their content.
    """
    known = frozenset(normalised(term) for term in terms)
    return list(_KEPT.get((old, new, *sorted(known)), lambda: _classified(old, new, known)))


def changes_of(changes: Sequence[PassageChange]) -> list[PassageChange]:
    """Those that differ at all, the substantive first, each group in the order of the text."""
    return sorted((change for change in changes if change.changed), key=lambda change: not change.material)


def weigh(changes: Sequence[PassageChange]) -> Weight:
    differing = [change for change in changes if change.changed]
    substantive = sum(1 for change in differing if change.material)
    return Weight(substantive=substantive, editorial=len(differing) - substantive)


def judge(old: str, new: str, *, terms: Collection[str] = ()) -> PassageChange:
    """The change between two texts that are one passage each."""
    known = frozenset(normalised(term) for term in terms)
    return compare(_whole(old), _whole(new), terms=known)


def _whole(text: str) -> Passage:
    first = passages_of(text[:2000])
    return passage_at(text, 0, len(text), first[0].role if first else "text")


def _classified(old: str, new: str, terms: frozenset[str]) -> tuple[PassageChange, ...]:
    pairings = align(passages_of(old), passages_of(new), old_text=old, new_text=new)
    return tuple(_change(pairing, terms) for pairing in pairings)


def _change(pairing: Pairing, terms: frozenset[str]) -> PassageChange:
    if pairing.old and pairing.new:
        return compare(pairing.old, pairing.new, move=pairing.move, terms=terms)
    passage = pairing.new or pairing.old
    if passage is None:
        raise ValueError("A pairing holds at least one passage.")
    came = pairing.new is not None
    place = passage.place(passage.start, passage.end)
    aspect, why = _standing(passage, came=came)
    return PassageChange(
        label="reworded",
        material=aspect == "statement",
        move=pairing.move,
        old=None if came else place,
        new=place if came else None,
        reasons=(Reason(aspect=aspect, old=None if came else place, new=place if came else None, why=why),),
    )


def _standing(passage: Passage, *, came: bool) -> tuple[Aspect, str]:
    """What a passage weighs that came or went alone: text that states something, or a heading, a rule, a bare link."""
    said = "new" if came else "gone"
    if passage.role == "form" or not passage.words:
        return "format", f"A line without words is {said}."
    if passage.role == "heading":
        return "wording", f"A heading is {said}."
    if quantities_in(passage.text):
        return "statement", f"A passage that names figures is {said}."
    if markers_in(passage):
        return "statement", f"A passage that demands or permits something is {said}."
    if any(word in NEGATIONS or word in SCOPE for word in passage.key) or len(passage.key) > 3:
        return "statement", f"A passage is {said}."
    return "wording", f"A few words are {said}."
