"""Finds abbreviations that neither a term nor the text itself explains; must not judge other words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from context.wordlists import word_set
from governance.drift.terms_reading import Terms

# What stands before it is looked at last: from a capital letter on, texts are searched several times as fast.
_ABBREVIATION = re.compile(r"[A-Z](?<![\w.-].)[A-Z0-9&]{1,5}s?(?![\w-])")
_SPELLED = re.compile(r"\(([A-Z][A-Za-z0-9&]{1,6})\)|\b([A-Z][A-Z0-9&]{1,5}) \(")
# Abbreviations that nobody needs explained.
_COMMON = word_set(
    "USD EUR GBP CHF UK US USA EU UN PDF URL HTML CSV JSON XML API FAQ ID IT HR CEO CFO COO CTO VAT AM PM OK TV PC ISO "
    "GMT UTC ASAP AI ZIP USB SMS PIN DNS HTTP HTTPS TLS SSL VPN SQL CSS MB GB TB KB II III IV VI VII NB PS"
)


@dataclass(frozen=True, slots=True)
class Unexplained:
    """The first place of an abbreviation."""

    start: int
    end: int
    short: str


def spelled_in(text: str) -> frozenset[str]:
    """The abbreviations that a text has in brackets or explains in brackets: Rotterdam terms (RT), RT (of 2020)."""
    if "(" not in text:
        return frozenset()
    return frozenset((one or other).removesuffix("s") for one, other in _SPELLED.findall(text))


def names_of(terms: Terms) -> frozenset[str]:
    """All names of terms, right and wrong, to be known in any case."""
    return frozenset(name.casefold() for term in terms.terms for name in (*term.names, *term.deprecated))


def unexplained_in(
    text: str, *, names: Collection[str], spelled: Collection[str] | None = None
) -> Iterator[Unexplained]:
    """Each abbreviation once that neither a term nor this text explains, from left to right. `spelled`: those of
    `spelled_in(text)`, where they are known.
    """
    told: set[str] | None = None
    for match in _ABBREVIATION.finditer(text):
        if told is None:
            told = {*_COMMON, *(spelled_in(text) if spelled is None else spelled)}
        short = match.group().removesuffix("s")
        if short in told or short.casefold() in names or _is_shouted(text, match):
            continue
        told.add(short)
        yield Unexplained(match.start(), match.end(), short)


def _is_shouted(text: str, match: re.Match[str]) -> bool:
    """Within words that are all in capitals, nothing is an abbreviation."""
    around = text[max(0, match.start() - 20) : match.end() + 20]
    words = [word for word in re.findall(r"[A-Za-z]{2,}", around) if word != match.group()]
    return len(words) >= 2 and all(word.isupper() for word in words)
