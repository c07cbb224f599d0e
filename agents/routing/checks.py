"""Proves of a table, without trying tasks: which rules are never reached, which overlap, which cases have no rule.

The facts are taken to be independent of each other, and every agent to be there. A rule with a CEL condition, or with
conditions about agents, may decline any task: it hides no later rule and fills no gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.problems import Problem
from agents.routing.boxes import Box, Space, TooManyPieces, intersection, is_empty, is_within, space_of, without
from agents.routing.definitions import Rule, Table

MOST_OVERLAPS_TOLD = 25
MOST_GAPS_TOLD = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Analysis:
    """What was proved, by places of rules. `hidden` maps an unreachable rule to those that take all its cases."""

    space: Space
    boxes: tuple[Box, ...]
    impossible: tuple[int, ...]
    hidden: dict[int, tuple[int, ...]]
    overlapping: tuple[tuple[int, int], ...]
    gaps: tuple[Box, ...]
    unproved: tuple[int, ...]
    gaps_unproved: bool


def analyse(table: Table) -> Analysis:
    """Everything that can be proved of the table. Its cost is bounded; what is beyond is in `unproved`."""
    space = space_of(table.rules)
    boxes = tuple(space.box_of(rule.conditions) for rule in table.rules)
    impossible = tuple(place for place, box in enumerate(boxes) if is_empty(box))
    hidden: dict[int, tuple[int, ...]] = {}
    unproved: list[int] = []
    for place, box in enumerate(boxes):
        if place in impossible:
            continue
        try:
            by = _hidden_by(place, box, table.rules, boxes, space)
        except TooManyPieces:
            unproved.append(place)
        else:
            if by is not None:
                hidden[place] = by
    overlapping = tuple(
        (one, other)
        for other in range(len(boxes))
        for one in range(other)
        if not is_empty(intersection(boxes[one], boxes[other]))
    )
    gaps: Sequence[Box] = [space.everything]
    gaps_unproved = False
    try:
        for rule, box in zip(table.rules, boxes, strict=True):
            if decides(rule, space):
                gaps = without(gaps, box)
    except TooManyPieces:
        gaps, gaps_unproved = (), True
    return Analysis(
        space=space,
        boxes=boxes,
        impossible=impossible,
        hidden=hidden,
        overlapping=overlapping,
        gaps=tuple(gaps),
        unproved=tuple(unproved),
        gaps_unproved=gaps_unproved,
    )


def decides(rule: Rule, space: Space) -> bool:
    """Whether the rule surely decides every task in its box."""
    if rule.expression is not None or rule.about_agents:
        return False
    if any(condition.fact in space.untold for condition in rule.conditions):
        return False
    return rule.outcome.do != "agent" or rule.outcome.nobody != "next"


def check_table(table: Table) -> list[Problem]:
    """What was proved, as warnings and notes in words, in the order of the rules."""
    found = analyse(table)
    names = [f"“{rule.name}”" for rule in table.rules]
    told: list[tuple[int, Problem]] = []

    def tell(place: int, level: str, code: str, message: str, fix: str) -> None:
        where = f"rules.{place}" if place < len(names) else "otherwise"
        told.append((place, Problem(level=level, code=code, place=where, message=message, fix=fix)))  # type: ignore[arg-type]

    for place in found.impossible:
        tell(place, "warning", "impossible", f"{names[place]} can never match: its conditions exclude each other.",
             "Correct its conditions, or remove the rule.")  # fmt: skip
    for place, by in found.hidden.items():
        earlier = ", ".join(names[each] for each in by[:3]) + (" and others" if len(by) > 3 else "")
        takes = "takes" if len(by) == 1 else "take"
        tell(place, "warning", "unreachable", f"{names[place]} is never reached: {earlier} {takes} all its cases.",
             "Move it up, narrow the earlier rule, or remove it.")  # fmt: skip
    guarded: dict[int, list[int]] = {}
    for one, other in _partial(table, found)[:MOST_OVERLAPS_TOLD]:
        if table.rules[one].outcome.do != "agent":
            guarded.setdefault(one, []).append(other)
            continue
        both = found.space.in_words(intersection(found.boxes[one], found.boxes[other]))
        what = f"{names[one]} and {names[other]} both match where {both}; the first decides."
        tell(other, "warning", "overlap", what, "If that is meant, leave it; otherwise narrow one of them.")
    for one, others in guarded.items():
        # A person or a refusal before the routes is a guard: it is told, and is no mistake.
        after = ", ".join(names[each] for each in others[:4]) + (" and others" if len(others) > 4 else "")
        tell(one, "note", "overlap", f"{names[one]} goes before {after} where both match.", "")
    for place in found.unproved:
        tell(place, "note", "unproved", f"Whether {names[place]} is ever reached has too many cases to be proved.",
             "Try it in the simulator.")  # fmt: skip
    for fact in found.space.untold:
        tell(len(names), "note", "unproved", f"Rules name so many elements of “{fact.label}” that its conditions are"
             " not compared.", "Name fewer elements.")  # fmt: skip
    if found.gaps_unproved:
        tell(len(names), "note", "unproved", "Whether every task has a rule has too many cases to be proved.",
             "Say what happens otherwise.")  # fmt: skip
    elif found.gaps:
        cases = ". Or: ".join(found.space.in_words(box) for box in found.gaps[:MOST_GAPS_TOLD])
        more = len(found.gaps) - MOST_GAPS_TOLD
        rest = f" And {more} more cases." if more > 0 else ""
        what = "a person decides" if table.otherwise.do == "human" else "the task is refused"
        tell(len(names), "note" if table.otherwise_is_stated else "warning", "gap",
             f"No rule surely decides where {cases}.{rest} Then {what}.",
             "Add a rule for these cases, or say what happens otherwise.")  # fmt: skip
    return [problem for _, problem in sorted(told, key=lambda pair: pair[0])]


def _hidden_by(
    place: int, box: Box, rules: Sequence[Rule], boxes: Sequence[Box], space: Space
) -> tuple[int, ...] | None:
    """The earlier rules that take every case of the box, or None where some case is left."""
    for earlier in range(place):
        if decides(rules[earlier], space) and is_within(box, boxes[earlier]):
            return (earlier,)
    left = [box]
    by = []
    for earlier in range(place):
        if decides(rules[earlier], space) and not is_empty(intersection(box, boxes[earlier])):
            after = without(left, boxes[earlier])
            if after != left:
                by.append(earlier)
            left = after
            if not left:
                return tuple(by)
    return None


def _partial(table: Table, found: Analysis) -> list[tuple[int, int]]:
    """Overlaps that may be mistakes: other destinations, and neither rule an exception to the other or hidden."""
    return [
        (one, other)
        for one, other in found.overlapping
        if replace(table.rules[one].outcome, why="") != replace(table.rules[other].outcome, why="")
        and other not in found.hidden
        and one not in found.hidden
        and not is_within(found.boxes[one], found.boxes[other])
        and not is_within(found.boxes[other], found.boxes[one])
        and not _asked(table.rules[one]) >= _asked(table.rules[other])
    ]


def _asked(rule: Rule) -> set[str]:
    """The facts that a rule asks about: one that asks all that a later one asks, and more, is its exception."""
    return {condition.fact.name for condition in rule.conditions}
