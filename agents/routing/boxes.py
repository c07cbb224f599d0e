"""Rules as boxes over the facts they ask about, and what boxes leave over; exact, because the operators are closed.

Each fact is cut into classes of values that no condition of the table tells apart, found by asking the conditions
themselves of one value of each. A rule is then a box: for every fact, the classes it accepts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from agents.routing.definitions import Rule
from agents.routing.facts import Fact
from agents.routing.operators import Condition, said

# A region splits as boxes are taken from it; beyond this many pieces the question is left unproved.
MOST_PIECES = 20_000
# A set-valued fact is cut into every combination of the elements that rules name.
MOST_ELEMENTS_TOLD_APART = 10

Box = tuple[int, ...]


class TooManyPieces(Exception):
    """The question has more cases than are looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dimension:
    """One fact: for each class of its values, one of them, and all of them in words."""

    fact: Fact
    samples: tuple[Any, ...]
    words: tuple[str, ...]

    @property
    def full(self) -> int:
        return (1 << len(self.samples)) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """Every fact that conditions ask about once a rule. `untold` are facts with too many elements to tell apart."""

    dimensions: tuple[Dimension, ...]
    untold: tuple[Fact, ...] = ()

    @property
    def everything(self) -> Box:
        return tuple(dimension.full for dimension in self.dimensions)

    def box_of(self, conditions: Iterable[Condition]) -> Box:
        """The classes that meet all conditions; a fact that is not told apart is taken to accept everything."""
        masks = list(self.everything)
        places = {dimension.fact.name: place for place, dimension in enumerate(self.dimensions)}
        for condition in conditions:
            place = places.get(condition.fact.name)
            if place is not None:
                test = condition.test()
                masks[place] &= sum(
                    1 << number for number, sample in enumerate(self.dimensions[place].samples) if test(sample)
                )
        return tuple(masks)

    def in_words(self, box: Box) -> str:
        """Such as `the task's type is a; total value is above 100`."""
        told = []
        for dimension, mask in zip(self.dimensions, box, strict=True):
            if mask != dimension.full:
                accepted = [words for number, words in enumerate(dimension.words) if mask >> number & 1]
                shown = " or ".join(accepted[:4]) + (" or …" if len(accepted) > 4 else "")
                told.append(f"{dimension.fact.label} {shown}")
        return "; ".join(told) or "any task"

    def example(self, box: Box) -> dict[str, Any]:
        """One set of values in the box, by the names of the facts; None for a fact that is absent."""
        return {
            dimension.fact.name: dimension.samples[(mask & -mask).bit_length() - 1]
            for dimension, mask in zip(self.dimensions, box, strict=True)
        }


def space_of(rules: Sequence[Rule]) -> Space:
    """The facts that any rule's conditions ask about, cut as finely as these conditions ask."""
    asked: dict[str, list[Condition]] = {}
    for rule in rules:
        for condition in rule.conditions:
            asked.setdefault(condition.fact.name, []).append(condition)
    dimensions, untold = [], []
    # The task's type is what a reader asks first.
    for name in sorted(asked, key=lambda name: (name != "task.type", name)):
        conditions = asked[name]
        fact = conditions[0].fact
        if fact.type == "set" and len(_named(conditions)) > MOST_ELEMENTS_TOLD_APART:
            untold.append(fact)
        else:
            dimensions.append(_dimension(fact, conditions))
    return Space(dimensions=tuple(dimensions), untold=tuple(untold))


def is_empty(box: Box) -> bool:
    return not all(box)


def intersection(one: Box, other: Box) -> Box:
    return tuple(mine & theirs for mine, theirs in zip(one, other, strict=True))


def is_within(inner: Box, outer: Box) -> bool:
    return all(mine & ~theirs == 0 for mine, theirs in zip(inner, outer, strict=True))


def without(region: Sequence[Box], taken: Box) -> list[Box]:
    """What is left of a region of disjoint boxes once a box is taken from it. Raises TooManyPieces."""
    left: list[Box] = []
    for box in region:
        if is_empty(intersection(box, taken)):
            left.append(box)
        else:
            rest = list(box)
            for place, mask in enumerate(taken):
                outside = rest[place] & ~mask
                if outside:
                    left.append((*rest[:place], outside, *rest[place + 1 :]))
                    rest[place] &= mask
        if len(left) > MOST_PIECES:
            raise TooManyPieces
    return left


def _dimension(fact: Fact, conditions: Sequence[Condition]) -> Dimension:
    tests = [condition.test() for condition in conditions]
    classes: dict[tuple[bool, ...], tuple[Any, list[str]]] = {}
    for sample, words in _samples(fact, conditions):
        told = tuple(bool(test(sample)) for test in tests)
        classes.setdefault(told, (sample, []))[1].append(words)
    return Dimension(
        fact=fact,
        samples=tuple(sample for sample, _ in classes.values()),
        words=tuple(_joined(words) for _, words in classes.values()),
    )


def _samples(fact: Fact, conditions: Sequence[Condition]) -> list[tuple[Any, str]]:
    match fact.type:
        case "truth":
            found: list[tuple[Any, str]] = [(True, "is true"), (False, "is false")]
        case "text":
            named = list(fact.values) or _named(conditions)
            found = [(value, f"is {value}") for value in named]
            if not fact.values:
                found.append((_another(named), "is something else"))
        case "set":
            named = _named(conditions)
            every = [*named, _another(named)]
            found = [
                (tuple(chosen), f"has {said(chosen)}" if chosen else "is empty")
                for size in range(len(every) + 1)
                for chosen in combinations(every, size)
            ]
        case _:
            found = _intervals(sorted({number for each in conditions for number in _numbers(each)}), fact.type)
    return [*found, (None, "is not given")] if fact.optional else found


def _intervals(cuts: Sequence[float], kind: str) -> list[tuple[Any, str]]:
    """A value in each gap between the cuts, and the cuts themselves."""
    if not cuts:
        return [(0, "is any number")]
    found: list[tuple[Any, str]] = [(cuts[0] - 1, f"is below {said(cuts[0])}")]
    for place, cut in enumerate(cuts):
        found.append((cut, f"is {said(cut)}"))
        if place + 1 < len(cuts):
            above = cuts[place + 1]
            between = cut + 1 if kind == "integer" else (cut + above) / 2
            if cut < between < above:
                found.append((between, f"is between {said(cut)} and {said(above)}"))
    return [*found, (cuts[-1] + 1, f"is above {said(cuts[-1])}")]


def _numbers(condition: Condition) -> tuple[float, ...]:
    value = condition.value
    return () if value is None else value if isinstance(value, tuple) else (value,)


def _named(conditions: Sequence[Condition]) -> list[str]:
    found = set()
    for condition in conditions:
        value = condition.value
        found |= set(value) if isinstance(value, tuple) else {value} if value is not None else set()
    return sorted(found)


def _another(named: Sequence[str]) -> str:
    other = "another"
    while other in named:
        other += "!"
    return other


def _joined(words: Sequence[str]) -> str:
    return " or ".join(words[:3]) + (" or …" if len(words) > 3 else "")
