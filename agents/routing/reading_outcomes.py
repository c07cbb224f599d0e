"""Reads outcomes and clues of a rule set; must not read rules (table.py) or ask whether agents exist."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agents.routing.conditions import check_pattern
from agents.routing.definitions import Clue, Outcome, Target, WhenIncomplete
from agents.routing.reading import Reader
from context.errors import DomainError
from context.models.domains import SLUG_PATTERN

MOST_TARGETS = 20
HEAVIEST = 100
LONGEST_WAIT_HOURS = 24 * 90
MOST_CLUES = 20
MOST_WORDS = 50
PERSON = r"^(owner|domain owner|group:.{1,150}|person:[^\s]{1,150})$"


def read_outcome(reader: Reader, stated: Any, *, place: str, last: bool = False) -> Outcome | None:
    """An outcome, or None where it is at fault. `last` is what no rule was for: it leads to no agent."""
    faults = len(reader.problems)
    if not isinstance(stated, Mapping):
        reader.fault(
            place, "shape", "The rule leads nowhere.", "Say what it leads to: an agent, a person or a refusal."
        )
        return None
    do = reader.one_of(
        stated.get("do"), ("human", "refuse") if last else ("agent", "human", "refuse"), place=f"{place}.do"
    )
    if do == "agent":
        outcome = _to_agents(reader, stated, place)
    elif do == "human":
        reader.only(stated, ("do", "to", "why"), place=place)
        outcome = Outcome(
            do="human", to=_person(reader, stated.get("to"), f"{place}.to"), why=_why(reader, stated, place)
        )
    else:
        reader.only(stated, ("do", "why"), place=place)
        outcome = Outcome(do="refuse", why=_why(reader, stated, place))
    return outcome if len(reader.problems) == faults else None


def _to_agents(reader: Reader, stated: Mapping[str, Any], place: str) -> Outcome:
    reader.only(stated, ("do", "targets", "balance", "incomplete", "nobody", "to", "why"), place=place)
    nobody = reader.one_of(stated.get("nobody", "refuse"), ("refuse", "next", "person"), place=f"{place}.nobody")
    return Outcome(
        do="agent",
        targets=_targets(reader, stated.get("targets"), f"{place}.targets"),
        balance=reader.one_of(stated.get("balance", "order"), ("order", "weights"), place=f"{place}.balance"),
        incomplete=_incomplete(reader, stated.get("incomplete", {"do": "refuse"}), f"{place}.incomplete"),
        nobody=nobody,
        to=_person(reader, stated.get("to"), f"{place}.to") if nobody == "person" else "",
        why=_why(reader, stated, place),
    )


def _incomplete(reader: Reader, stated: Any, place: str) -> WhenIncomplete:
    if not isinstance(stated, Mapping):
        reader.fault(place, "shape", "This is an object.", 'Write {"do": "refuse"}.')
        return WhenIncomplete()
    do = reader.one_of(stated.get("do"), ("refuse", "narrower", "person", "wait"), place=f"{place}.do")
    if do == "narrower":
        reader.only(stated, ("do", "targets"), place=place)
        return WhenIncomplete(do=do, targets=_targets(reader, stated.get("targets"), f"{place}.targets"))
    if do == "person":
        reader.only(stated, ("do", "to"), place=place)
        return WhenIncomplete(do=do, to=_person(reader, stated.get("to"), f"{place}.to"))
    if do == "wait":
        reader.only(stated, ("do", "hours", "then", "to"), place=place)
        then = reader.one_of(stated.get("then", "refuse"), ("refuse", "person"), place=f"{place}.then")
        return WhenIncomplete(
            do=do,
            hours=reader.whole(stated.get("hours"), place=f"{place}.hours", least=1, most=LONGEST_WAIT_HOURS),
            then=then,
            to=_person(reader, stated.get("to"), f"{place}.to") if then == "person" else "",
        )
    reader.only(stated, ("do",), place=place)
    return WhenIncomplete()


def _targets(reader: Reader, stated: Any, place: str) -> tuple[Target, ...]:
    found: list[Target] = []
    for at, each in reader.objects(stated, place=place, most=MOST_TARGETS, least=1):
        reader.only(each, ("agent", "contract", "weight"), place=at)
        target = Target(
            agent=reader.matching(each.get("agent"), place=f"{at}.agent", pattern=SLUG_PATTERN, longest=60),
            contract=reader.matching(each["contract"], place=f"{at}.contract", pattern=SLUG_PATTERN, longest=60)
            if each.get("contract")
            else "",
            weight=reader.whole(each.get("weight", 1), place=f"{at}.weight", least=1, most=HEAVIEST),
        )
        if any((target.agent, target.contract) == (other.agent, other.contract) for other in found):
            reader.fault(at, "double", f"“{target.agent}” is there twice.", "Name each agent once.")
        found.append(target)
    return tuple(found)


def _person(reader: Reader, stated: Any, place: str) -> str:
    if not isinstance(stated, str) or "\x00" in stated or not re.fullmatch(PERSON, stated):
        reader.fault(
            place, "shape", "It is not said which person.", "Write owner, domain owner, group:name or person:username."
        )
        return ""
    return stated


def _why(reader: Reader, stated: Mapping[str, Any], place: str) -> str:
    return reader.text(stated.get("why", ""), place=f"{place}.why", longest=500).strip()


def read_clues(reader: Reader, stated: Any, *, place: str) -> tuple[Clue, ...]:
    """The ways to know a task's type."""
    found = []
    for at, each in reader.objects(stated, place=place, most=MOST_CLUES):
        reader.only(each, ("words", "every", "pattern", "field", "equals"), place=at)
        kinds = [kind for kind in ("words", "pattern", "field") if each.get(kind)]
        if len(kinds) != 1:
            reader.fault(at, "shape", "A clue is words, a pattern, or a field with its value.", "Give one of them.")
        elif kinds == ["words"]:
            found.append(_words(reader, each, at))
        elif kinds == ["pattern"]:
            pattern = reader.text(each["pattern"], place=f"{at}.pattern", longest=10_000)
            try:
                check_pattern(pattern, place=f"{at}.pattern")
            except DomainError as error:
                reader.fault(f"{at}.pattern", "type-error", error.detail, error.fix or "")
            found.append(Clue(pattern=pattern))
        else:
            equals = each.get("equals")
            if not isinstance(equals, str | int | float):
                reader.fault(f"{at}.equals", "shape", "A field is compared with text, a number or true or false.")
            found.append(Clue(field=reader.text(each["field"], place=f"{at}.field", longest=40), equals=equals))
    return tuple(found)


def _words(reader: Reader, each: Mapping[str, Any], at: str) -> Clue:
    words = each["words"]
    if not isinstance(words, list) or len(words) > MOST_WORDS:
        reader.fault(f"{at}.words", "shape", f"This is a list of at most {MOST_WORDS} words.", "Shorten the list.")
        return Clue()
    shown = tuple(reader.text(word, place=f"{at}.words", longest=80).strip() for word in words)
    if any(not re.search(r"\w", word) for word in shown):
        reader.fault(f"{at}.words", "shape", "A word has no letter or digit.", "Leave it out.")
    if not isinstance(each.get("every", False), bool):
        reader.fault(f"{at}.every", "shape", "This is true or false.")
    return Clue(words=shown, every=each.get("every") is True)
