"""Checks one text against the organisation's terms: names that should not be used; must not read rows or write.

The same function serves the scan, the edit page, contracts, and what agents write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from context.claims.places import words_in
from governance.drift.terms_matching import Name
from governance.drift.terms_reading import Meaning, Terms

LONGEST_SPELLED = 120  # characters
_PARTING = '.,;:!?()[]|\n"“”'
FEWEST_OF_DEFINITION = 3  # words that a sentence shares with a definition
_SENTENCE_END = re.compile(r"[.!?](?=\s)|\n\s*\n|\n(?=[ \t]*(?:[-*|#>]|\d+[.)]))")
_QUOTES = frozenset("\"“”„‘’'«»*_")
_SHORT = re.compile(r"\(([A-Z][A-Za-z]{0,2}[A-Z]{1,6}s?)\)")
_WORDS_BEFORE = re.compile(r"(?:[A-Za-z][\w’']*[ -]){0,9}[A-Za-z][\w’']*\s{1,3}\Z")
_SMALL = frozenset({"of", "and", "the", "for", "in", "to", "a", "an", "on", "with", "by", "or", "&"})


@dataclass(frozen=True, kw_only=True, slots=True)
class TermUse:
    """A name that should not be used, where it stands, what to write instead, and why in one sentence."""

    start: int
    end: int
    written: str
    meaning: Meaning
    sentence: str

    @property
    def instead(self) -> str:
        return self.meaning.term.title


@dataclass(frozen=True, slots=True)
class Expansion:
    """`long (short)` as a text spells out an abbreviation."""

    start: int
    end: int
    short: str
    long: str


def check_terms(text: str, *, terms: Terms, title: str = "", own_key: str = "") -> list[TermUse]:
    """The deprecated and former names that a text uses, from left to right.

    A text may speak of an old name: in quotation marks, in a sentence (or under a title) that has the new name beside
    it, and in the term's own text. That is no use.
    """
    found = []
    about = _about(terms, title)
    for match in terms.matcher.matches(text):
        meaning = match.name.means
        if meaning.standing == "right" or meaning.term.key in (own_key, *about):
            continue
        if _is_mentioned(text, match.start, match.end):
            continue
        sentence = _sentence(text, match.start, match.end)
        if _has_right_name(sentence, terms, meaning) or not _means_it(sentence, match.name, meaning):
            continue
        found.append(
            TermUse(
                start=match.start,
                end=match.end,
                written=text[match.start : match.end],
                meaning=meaning,
                sentence=_why(text[match.start : match.end], meaning),
            )
        )
    return found


def expansions_in(text: str) -> Iterator[Expansion]:
    """Abbreviations that the text spells out itself: Solvency Capital Requirement (SCR)."""
    for match in _SHORT.finditer(text):
        before = text[max(0, match.start() - LONGEST_SPELLED) : match.start()]
        # From the last word that stands apart: a search for the end of a text from every place would take its square.
        words = _WORDS_BEFORE.search(before[max(before.rfind(mark) for mark in _PARTING) + 1 :])
        short = match[1].removesuffix("s")
        long = _spelled(words[0], short) if words is not None else ""
        if long:
            yield Expansion(match.start(1), match.end(1), short, long)


def _about(terms: Terms, title: str) -> frozenset[str]:
    """The terms of which a title has both a right and a wrong name: the text is about the renaming."""
    found = [match.name.means for match in terms.matcher.matches(title)] if title else []
    right = {meaning.term.key for meaning in found if meaning.standing == "right"}
    return frozenset(meaning.term.key for meaning in found if meaning.standing != "right" and meaning.term.key in right)


def _is_mentioned(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    return bool(before) and bool(after) and before in _QUOTES - {"*", "_"} and after in _QUOTES


def _sentence(text: str, start: int, end: int) -> str:
    """The sentence, row or heading in which a place stands, as far as 400 characters on each side."""
    first, after = max(0, start - 400), min(len(text), end + 400)
    begun = max((stop.end() for stop in _SENTENCE_END.finditer(text, first, start)), default=first)
    closing = _SENTENCE_END.search(text, end, after)
    return text[begun : closing.start() if closing else after]


def _has_right_name(sentence: str, terms: Terms, meaning: Meaning) -> bool:
    """Whether a right name of the term stands in the sentence, and so explains the old one."""
    return any(
        match.name.means.standing == "right" and match.name.means.term.key == meaning.term.key
        for match in terms.matcher.matches(sentence)
    )


def _means_it(sentence: str, name: Name[Meaning], meaning: Meaning) -> bool:
    """Whether a wrong name means the term here. A name of its own always does; one everyday word ("client") has other
    uses, and does where the sentence has words of the term's definition besides.
    """
    if name.exact or len(name.text.split()) > 1:
        return True
    own = words_in([name.text])
    about = words_in([meaning.term.definition, *meaning.term.names]) - own
    return len(about & words_in([sentence])) >= FEWEST_OF_DEFINITION


def _why(written: str, meaning: Meaning) -> str:
    if meaning.standing == "renamed":
        return f"“{written}” was renamed to “{meaning.term.title}” in version {meaning.since} of the term."
    return f"“{written}” should no longer be used; the term is “{meaning.term.title}”."


def _spelled(words: str, short: str) -> str:
    """The last words of which the initials are the abbreviation; "" where they are not."""
    parts = words.replace("-", " ").split()
    for first in range(len(parts) - 1, -1, -1):
        initials = "".join(part[0] for part in parts[first:] if part.lower() not in _SMALL).upper()
        whole = "".join(part[0] for part in parts[first:]).upper()
        if short.upper() in (initials, whole) and parts[first].lower() not in _SMALL:
            return " ".join(parts[first:])
        if len(initials) > len(short):
            return ""
    return ""
