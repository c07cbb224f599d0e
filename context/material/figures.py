"""What changed among the figures of two passages: amounts, dates, versions, numbering; must not judge words."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from context.material.lexicon import STAMPS
from context.material.matching import matches
from context.material.model import Aspect, Place, Reason
from context.material.passages import Passage
from context.quantities import Nominal, Quantity, numerals_in

T = TypeVar("T", Quantity, Nominal)

_KINDS = {
    "number": "number", "ordinal": "place in the order", "percent": "percentage", "money": "amount",
    "duration": "duration", "date": "date", "time": "time of day", "measure": "measure",
}  # fmt: skip
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than", "~": "about", "every": "every"}
_STAMP_WORDS = 25


@dataclass(frozen=True, slots=True)
class Figures:
    """The reasons among figures, and whether a figure took the place of another."""

    reasons: tuple[Reason, ...]
    replaced: bool


def compare_figures(old: Passage, new: Passage) -> Figures:
    """Match the figures of both passages in order; what is left over on either side has changed."""
    before, after = numerals_in(old.text), numerals_in(new.text)
    reasons: list[Reason] = []
    replaced = False
    for gone, come in _unmatched(_read(before.quantities, old), _read(after.quantities, new), _amount, _alike):
        reasons.append(_quantity(gone, come, old, new))
        replaced = replaced or (gone is not None and come is not None)
    names = _unmatched(_read(before.nominals, old), _read(after.nominals, new), _name, lambda n: n.kind)
    for named, renamed in names:
        reasons.append(_nominal(named, renamed, old, new))
        replaced = replaced or (named is not None and renamed is not None)
    return Figures(tuple(reasons), replaced)


def _amount(quantity: Quantity) -> Hashable:
    return (*quantity.amount, quantity.comparator == "every")


def _alike(quantity: Quantity) -> Hashable:
    """Which quantities may take each other's place."""
    return quantity.kind


def _name(nominal: Nominal) -> Hashable:
    return nominal.text


def _read(figures: Sequence[T], passage: Passage) -> list[T]:
    """Those that a reader reads: not within the target of a link, nor the sign of a list entry."""
    starts = [word.start - passage.start for word in passage.words]
    ends = [word.end - passage.start for word in passage.words]
    read = []
    for figure in figures:
        i = bisect_right(starts, figure.start) - 1
        if (i >= 0 and ends[i] > figure.start) or (i + 1 < len(starts) and starts[i + 1] < figure.end):
            read.append(figure)
    return read


def _unmatched(
    old: Sequence[T], new: Sequence[T], key: Callable[[T], Hashable], alike: Callable[[T], Hashable]
) -> Iterator[tuple[T | None, T | None]]:
    """Pairs of figures that took each other's place, and single ones that came or went. What only moved is left out."""
    before, after = [key(figure) for figure in old], [key(figure) for figure in new]
    surplus_old, surplus_new = Counter(before) - Counter(after), Counter(after) - Counter(before)
    if not surplus_old and not surplus_new:
        return
    gone, come = _surplus(old, before, surplus_old), _surplus(new, after, surplus_new)
    free = list(range(len(come)))
    for figure in gone:
        match = next((i for i in free if alike(come[i]) == alike(figure)), None)
        if match is None:
            yield figure, None
        else:
            free.remove(match)
            yield figure, come[match]
    for i in free:
        yield None, come[i]


def _surplus(figures: Sequence[T], keys: Sequence[Hashable], surplus: Counter[Hashable]) -> list[T]:
    left = Counter(surplus)
    chosen = []
    for figure, key in zip(figures, keys, strict=True):
        if left[key] > 0:
            left[key] -= 1
            chosen.append(figure)
    return chosen


def _quantity(gone: Quantity | None, come: Quantity | None, old: Passage, new: Passage) -> Reason:
    kind = (gone or come).kind  # type: ignore[union-attr]
    aspect: Aspect = "date" if kind == "date" else "quantity"
    if aspect == "date" and is_stamp(new if come else old):
        aspect = "stamp"
    name = _KINDS[kind]
    if gone and come:
        why = f"The {name} “{_short(gone.text)}” became “{_short(come.text)}”."
    elif come:
        why = f"The {name} “{_short(come.text)}” is new."
    else:
        why = f"The {name} “{_short(gone.text)}” is gone."  # type: ignore[union-attr]
    return Reason(aspect=aspect, old=_place(gone, old), new=_place(come, new), why=why)


def _nominal(gone: Nominal | None, come: Nominal | None, old: Passage, new: Passage) -> Reason:
    kind = (gone or come).kind  # type: ignore[union-attr]
    aspect: Aspect = "identifier"
    if kind == "enumerator":
        aspect = "numbering"
    elif kind == "section":
        opening = (gone or come).start <= 6  # type: ignore[union-attr]
        aspect = "numbering" if opening else "reference"
    elif kind == "year":
        edition = all(_heads_title(figure, passage) for figure, passage in ((gone, old), (come, new)) if figure)
        aspect = "stamp" if is_stamp(new if come else old) else "reference" if edition else "date"
    said = {"numbering": "number", "reference": "reference", "date": "year", "stamp": "year"}.get(aspect, "name")
    if gone and come:
        why = f"The {said} “{_short(gone.text)}” became “{_short(come.text)}”."
    else:
        why = f"The {said} “{_short((gone or come).text)}” is {'new' if come else 'gone'}."  # type: ignore[union-attr]
    return Reason(aspect=aspect, old=_place(gone, old), new=_place(come, new), why=why)


def _heads_title(figure: Nominal, passage: Passage) -> bool:
    """The year of an edition: "2024 State of DevOps Report"."""
    following = passage.text[figure.end : figure.end + 2]
    return len(following) == 2 and following[0] == " " and following[1].isupper()


def bound_changes(old: Passage, new: Passage) -> list[Reason]:
    """Equal amounts whose bound turned: at least 30 days, at most 30 days."""
    before, after = (_read(numerals_in(p.text).quantities, p) for p in (old, new))
    found = []
    keys = [_amount(q) for q in before], [_amount(q) for q in after]
    for i, j in matches(*keys):
        one, other = before[i], after[j]
        bounds = one.comparator, other.comparator
        if one.comparator != other.comparator and all(bounds) and "~" not in bounds:
            why = (
                f"“{_short(one.text)}” was bounded by “{_BOUNDS[one.comparator]}” and is now by "
                f"“{_BOUNDS[other.comparator]}”."
            )
            found.append(Reason(aspect="quantity", old=_place(one, old), new=_place(other, new), why=why))
    return found


def figured(passage: Passage) -> frozenset[int]:
    """Where the words of a passage begin that are part of a quantity, its unit included."""
    quantities = numerals_in(passage.text).quantities
    places, k = set(), 0
    for word in passage.words:
        at = word.start - passage.start
        while k < len(quantities) and quantities[k].end <= at:
            k += 1
        if k < len(quantities) and quantities[k].start < word.end - passage.start:
            places.add(word.start)
    return frozenset(places)


def is_stamp(passage: Passage) -> bool:
    """A line that only says when the text was last touched."""
    if len(passage.words) > _STAMP_WORDS:
        return False
    lowered = passage.text.lower()
    return any(phrase in lowered for phrase in STAMPS)


def _place(figure: Quantity | Nominal | None, passage: Passage) -> Place | None:
    if figure is None:
        return None
    return passage.place(passage.start + figure.start, passage.start + figure.end)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"
