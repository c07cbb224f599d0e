"""Cuts a Markdown text into passages, and a passage into words with what is mere form set aside; must not compare.

Everything keeps its place in the whole text. Form is what a reader of the rendered page does not read: the targets of
links, emphasis, the signs of headings and lists, tags.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from context.material.model import Place

Role = Literal["heading", "entry", "row", "text", "form"]

_HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)")
_ENTRY = re.compile(r"\s*(?:[-*+•]\s|\d{1,4}(?:\\?\.|\))\s|\([a-zA-Z0-9]{1,3}\)\s|[a-zA-Z]\\?[.)]\s)")
# The sign of a list entry is form; "12.3 Termination" and "## 3. Leave" are numbering that other texts refer to.
_MARKER = re.compile(r"\s*(?:[-*+•]\s+)?(?:\d{1,4}(?:\.|\))\s)?")
_ROW = re.compile(r"\s*\|")
_RULE = re.compile(r"\s*(?:[-*_=|:+\s]{3,})\Z")
_FENCE = re.compile(r" {0,3}(?:```|~~~)")
# Every part is bounded, so that unclosed brackets cost no more than their length.
_FORM = re.compile(
    r"(?P<target>(?<=\])\((?:[^()\s]|\([^()\s]{0,200}\)){0,2000}(?:\s+\"[^\"]{0,300}\")?\s{0,3}\))"
    r"|(?P<label>(?<=\])\[[^\[\]\n]{0,200}\])"
    r"|(?P<definition>^ {0,3}\[[^\[\]\n]{1,200}\]:[ \t]*\S{1,2000})"
    r"|(?P<url>(?:https?|ftp|mailto):[^\s<>()\[\]]{1,2000})"
    r"|(?P<template>\{[{%#][^{}\n]{0,300}[}%#]\})"
    r"|(?P<tag></?[a-zA-Z][^<>\n]{0,500}>)"
    r"|(?P<word>[0-9]+(?:[.,][0-9]+)*[^\W_]*|[^\W_]+(?:['’ʼ.][^\W_]+)*)"
    r"|(?P<sign>[^\s\w]|_)",
    re.MULTILINE,
)
_QUOTES = str.maketrans({"’": "'", "ʼ": "'", "‘": "'"})


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a passage: how it is compared, how it is written, and where."""

    norm: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph, list entry, table row or heading, with the words a reader reads and the fingerprint of its form."""

    start: int
    end: int
    text: str
    role: Role
    words: tuple[Word, ...] = field(repr=False)
    key: tuple[str, ...] = field(repr=False)

    def place(self, start: int, end: int) -> Place:
        """A run of this passage, by its places in the whole text."""
        return Place(start=start, end=end, text=self.text[start - self.start : end - self.start])

    def span(self, words: Sequence[Word]) -> Place | None:
        return self.place(words[0].start, words[-1].end) if words else None


def passages_of(text: str) -> list[Passage]:
    """The passages of a Markdown text, in order; blank lines and rules between them belong to none."""
    found: list[Passage] = []
    start = end = at = 0
    role: Role = "text"
    fenced = False
    for line in text.splitlines(keepends=True):
        here, at = at, at + len(line)
        bare = line.strip()
        if _FENCE.match(line):
            fenced = not fenced
        begins = _role_of(line)
        if not bare or (not fenced and (begins != "text" or role in ("heading", "row"))):
            if end > start:
                found.append(passage_at(text, start, end, role))
            start = end = here
            role = "text"
        if bare:
            if end == start:
                start, role = here, begins
            end = here + len(line.rstrip("\r\n"))
    if end > start:
        found.append(passage_at(text, start, end, role))
    return [passage for passage in found if passage.text.strip()]


def passage_at(text: str, start: int, end: int, role: Role = "text") -> Passage:
    run = text[start:end]
    words = tuple(_words(run, start))
    return Passage(start=start, end=end, text=run, role=role, words=words, key=tuple(word.norm for word in words))


def _role_of(line: str) -> Role:
    if _RULE.match(line) and line.strip():
        return "form"
    if _HEADING.match(line):
        return "heading"
    if _ENTRY.match(line):
        return "entry"
    return "row" if _ROW.match(line) else "text"


def _words(run: str, offset: int) -> list[Word]:
    """The words a reader reads. Figures and words count; punctuation does not, but for the signs that bear meaning."""
    words: list[Word] = []
    marker = _MARKER.match(run)
    for match in _FORM.finditer(run, marker.end() if marker else 0):
        if match.lastgroup == "word" or (match.lastgroup == "sign" and match.group() in "%$€£¥<>≤≥+"):
            text = match.group()
            words.append(Word(normalised(text), text, offset + match.start(), offset + match.end()))
    return words


def normalised(word: str) -> str:
    """How a word is compared: without case, typographic quotes or invisible characters."""
    plain = unicodedata.normalize("NFKC", word).translate(_QUOTES).casefold()
    return plain if plain.isascii() else "".join(c for c in plain if unicodedata.category(c) != "Cf")
