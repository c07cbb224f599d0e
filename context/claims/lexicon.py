"""Which words say the same, and which shut each other out; must not read sentences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from context.claims.words import stem_of

_HERE = Path(__file__).parent / "lexicon"
LONGEST_PHRASE = 4  # words


@dataclass(frozen=True, kw_only=True, slots=True)
class Lexicon:
    """`members`: phrase to (class, member); `opposites`: phrase to (pair, side); `synonyms`: stem to its groups."""

    members: dict[str, tuple[tuple[str, str], ...]]
    wholes: dict[str, frozenset[str]]
    opposites: dict[str, tuple[tuple[int, int], ...]]
    synonyms: dict[str, frozenset[int]]


@cache
def lexicon() -> Lexicon:
    members: dict[str, list[tuple[str, str]]] = {}
    wholes: dict[str, frozenset[str]] = {}
    for line in _lines("exclusive.txt"):
        name, _, listed = line.partition(":")
        listed, _, whole = listed.partition("=")
        wholes[name] = frozenset(_phrases(whole))
        for member in listed.split(","):
            names = [each.strip() for each in member.split("|")]
            for each in names:
                members.setdefault(each, []).append((name, names[0]))
    opposites: dict[str, list[tuple[int, int]]] = {}
    for number, line in enumerate(_lines("opposites.txt")):
        for side, listed in enumerate(line.split("|")):
            for phrase in _phrases(listed):
                opposites.setdefault(phrase, []).append((number, side))
    synonyms: dict[str, set[int]] = {}
    for number, line in enumerate(_lines("synonyms.txt")):
        for phrase in _phrases(line):
            synonyms.setdefault(stemmed(phrase), set()).add(number)
    return Lexicon(
        members={phrase: tuple(places) for phrase, places in members.items()},
        wholes=wholes,
        opposites={phrase: tuple(places) for phrase, places in opposites.items()},
        synonyms={phrase: frozenset(groups) for phrase, groups in synonyms.items()},
    )


def stemmed(phrase: str) -> str:
    return " ".join(stem_of(word) for word in phrase.split())


def say_the_same(one: str, other: str) -> bool:
    """Whether two phrases (lower case) are forms of one word, or stand in one group of synonyms."""
    if one == other:
        return True
    first, second = stemmed(one), stemmed(other)
    if first == second:
        return one not in lexicon().opposites or not are_opposite(one, other)
    groups = lexicon().synonyms
    return not groups.get(first, frozenset()).isdisjoint(groups.get(second, frozenset()))


def are_opposite(one: str, other: str) -> bool:
    """Whether two phrases (lower case) are the two sides of a pair of opposites."""
    sides = lexicon().opposites
    others = sides.get(other, ())
    return any((number, 1 - side) in others for number, side in sides.get(one, ()))


def exclusive_class(one: str, other: str) -> str:
    """The class of which both are members, but different ones; "" where there is none."""
    members = lexicon().members
    for name, member in members.get(one, ()):
        for other_name, other_member in members.get(other, ()):
            if name == other_name and member != other_member:
                return name
    return ""


def key_of(stem: str) -> str:
    """A name for all stems that say the same, by which rules are found; the stem itself where it has no synonyms."""
    groups = lexicon().synonyms.get(stem)
    return f"={min(groups)}" if groups else stem


def _lines(name: str) -> list[str]:
    text = (_HERE / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _phrases(listed: str) -> list[str]:
    return [phrase for each in listed.split(",") if (phrase := each.strip())]
