"""Splits Markdown or plain text into sentences, with their places and what leads into them; must not parse them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_SENTENCE = 1_500  # characters; a longer one is cut there, which keeps the work linear
_HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]+")
_BULLET = re.compile(r"[ \t>]*(?:(?:[-*+•]|\d{1,3}[.)]|\([a-z\d]{1,4}\)|[a-z\d]{1,3}[.)])[ \t]+)+", re.I)
_FENCE = re.compile(r"[ \t]{0,3}(?:`{3,}|~{3,})")
_TABLE = re.compile(r"[ \t]*\|")
_STOP = re.compile(r"[.!?…](?=[\"”’)\]*_]*(?:\s|$))[\"”’)\]*_]*|;(?=\s|$)")
_LINK = re.compile(r"[*_]{0,3}!?\[[^\[\]]*\]\([^()]*\)[*_.:]{0,4}")
_UNFINISHED = re.compile(r"\b(?:not|shall|must|may|will|to|that|and|or|of|by|the|be)[,\s]*\Z|,\s*\Z", re.I)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|no|nos|art|sec|para|approx|inc|ltd|co|corp|mr|mrs|ms|dr|prof|st|etc|u\.s|u\.k|p|pp|ca)|\b[A-Z])\Z",
    re.I,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """`text[start:end]`, and the place of the words that lead into it: the line above a list, or the first half.

    `row` marks cells of a table and titles of links that stand alone: words without a verb.
    """

    start: int
    end: int
    lead: tuple[int, int] | None = None
    row: bool = False


def sentences_of(text: str) -> tuple[Sentence, ...]:
    """Every sentence, in order. Headings and code are none; an entry of a list keeps the line above the list."""
    return tuple(_sentences(text))


def _sentences(text: str) -> Iterator[Sentence]:
    lead: tuple[int, int] | None = None
    for start, end, listed, row in _blocks(text):
        if row:
            yield Sentence(start=start, end=end, row=True)
            continue
        carried = lead if listed or lead is not None else None
        last: tuple[int, int] | None = None
        for first, after in _split(text, start, end):
            titled = _LINK.fullmatch(text, first, after) is not None
            yield Sentence(start=first, end=after, lead=carried if last is None or listed else None, row=titled)
            last = (first, after)
        if last is None:
            continue
        ending = text[last[0] : last[1]].rstrip(" \t\n*_\"”')")[-1:]
        if ending == ":" or _UNFINISHED.search(text, max(start, last[1] - 12), last[1]):
            lead = last
        elif not listed:
            lead = None


def _blocks(text: str) -> Iterator[tuple[int, int, bool, bool]]:
    """(start, end, whether an entry of a list, whether a row of a table) of each paragraph."""
    position, begun, listed, fenced = 0, -1, False, False
    for line in text.splitlines(keepends=True):
        start, position = position, position + len(line)
        if _FENCE.match(line):
            fenced = not fenced
        bullet = None if fenced else _BULLET.match(line)
        apart = fenced or _FENCE.match(line) or not line.strip() or _HEADING.match(line) or _TABLE.match(line)
        if begun >= 0 and (apart or bullet):
            yield begun, start, listed, False
            begun = -1
        if apart:
            if not fenced and _TABLE.match(line) and set(line.strip()) - set("|-: \t"):
                yield start, position, False, True
            continue
        if begun < 0:
            begun, listed = start + (bullet.end() if bullet else 0), bool(bullet)
    if begun >= 0:
        yield begun, len(text), listed, False


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    first = start
    for stop in _STOP.finditer(text, start, end):
        if text[stop.start()] == "." and _ABBREVIATION.search(text, max(first, stop.start() - 8), stop.start()):
            continue
        yield from _trimmed(text, first, stop.end())
        first = stop.end()
    yield from _trimmed(text, first, end)


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for first in range(start, end, LONGEST_SENTENCE):
        part = text[first : min(end, first + LONGEST_SENTENCE)]
        left = len(part) - len(part.lstrip())
        stripped = part.strip()
        if any(each.isalnum() for each in stripped):
            yield first + left, first + left + len(stripped)
