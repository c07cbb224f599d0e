"""What differs between two texts, word by word, and between two structures, field by field; must not read rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from context.material import PassageChange, Weight, changes_of, classify, weigh

# Above this many words on either side a pair of lines is shown as replaced whole: matching is quadratic.
WORDS_COMPARED = 3000
LINES_COMPARED = 6000
# How far ahead the counterpart of a changed line is looked for.
LINES_AHEAD = 12
# A number with its separators is one word: 2,000 became 2,500, not 000 became 500.
_WORD = re.compile(r"\d+(?:[.,]\d+)+|\w+(?:['’]\w+)*|\s+|[^\w\s]", re.UNICODE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A run of text within a line; `changed` where the other side does not have it."""

    text: str
    changed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line beside its counterpart; None where a side has no such line.

    `substance` says what changed in substance, on the first line of a passage that did; "" elsewhere.
    """

    old: tuple[Span, ...] | None
    new: tuple[Span, ...] | None
    changed: bool
    substance: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextDiff:
    """All lines of both texts, aligned, with the words that came and went."""

    rows: tuple[Row, ...]
    words_added: int
    words_removed: int
    old: str = field(default="", repr=False)
    new: str = field(default="", repr=False)
    terms: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def changed(self) -> bool:
        return any(row.changed for row in self.rows)

    @property
    def passages(self) -> list[PassageChange]:
        """The passages that differ, those of substance first. Worked out when asked for, and kept."""
        return changes_of(classify(self.old, self.new, terms=self.terms)) if self.old != self.new else []

    @property
    def weight(self) -> Weight:
        return weigh(self.passages)

    @property
    def substantive(self) -> int:
        return self.weight.substantive

    @property
    def editorial(self) -> int:
        return self.weight.editorial


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldChange:
    """One field that differs. `path` names it from the outside in; a side is None where the field is not there."""

    path: tuple[str, ...]
    old: Any
    new: Any


def diff_text(old: str, new: str, *, terms: frozenset[str] = frozenset()) -> TextDiff:
    """Align two texts line by line and mark the words that differ. Costs milliseconds for a page of prose.

    `terms` are the organisation's defined terms: where one gives way to another word, the passage changed in substance.
    """
    old_lines, new_lines = old.splitlines(), new.splitlines()
    if old == new:
        return TextDiff(rows=tuple(_same(line) for line in new_lines), words_added=0, words_removed=0)
    rows = tuple(_rows(old_lines, new_lines))
    return TextDiff(
        rows=rows,
        words_added=sum(_words(row.new) for row in rows),
        words_removed=sum(_words(row.old) for row in rows),
        old=old,
        new=new,
        terms=terms,
    )


def diff_fields(old: Any, new: Any, path: tuple[str, ...] = ()) -> list[FieldChange]:
    """The leaves that differ between two JSON values, in the order of the new one.

    Lists of plain values are one field; lists of objects are compared place by place, counted from one.
    """
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        names = [*new, *(name for name in old if name not in new)]
        return [change for name in names for change in diff_fields(old.get(name), new.get(name), (*path, str(name)))]
    if _is_records(old) and _is_records(new):
        length = max(len(old), len(new))
        return [
            change
            for i in range(length)
            for change in diff_fields(
                old[i] if i < len(old) else None, new[i] if i < len(new) else None, (*path, str(i + 1))
            )
        ]
    if _is_blank(old) and _is_blank(new):
        return []
    return [FieldChange(path=path, old=old, new=new)]


def count_words(text: str) -> int:
    return len(text.split())


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)


def _is_blank(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}


def _words(spans: tuple[Span, ...] | None) -> int:
    return sum(count_words(span.text) for span in spans or () if span.changed)


def _same(line: str) -> Row:
    spans = (Span(text=line, changed=False),)
    return Row(old=spans, new=spans, changed=False)


def _rows(old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    if len(old) + len(new) > LINES_COMPARED:
        yield from _beside(old, new)
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (_same(line) for line in new[j1:j2])
        else:
            yield from _replaced(old[i1:i2], new[j1:j2])


def _replaced(old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    """Pair each new line with the most similar old one that keeps the order; the rest stands beside each other."""
    i = j = 0
    for k, line in enumerate(new):
        best, likeness = -1, 0.5
        for candidate in range(i, min(len(old), i + LINES_AHEAD)):
            ratio = SequenceMatcher(None, old[candidate].split(), line.split(), autojunk=False).ratio()
            if ratio > likeness:
                best, likeness = candidate, ratio
        if best != -1:
            yield from _beside(old[i:best], new[j:k])
            yield _pair(old[best], line)
            i, j = best + 1, k + 1
    yield from _beside(old[i:], new[j:])


def _beside(old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    """Lines that have nothing in common, as far as both sides have some."""
    for gone, come in zip_longest(old, new):
        yield Row(old=_all_changed(gone), new=_all_changed(come), changed=True)


def _all_changed(line: str | None) -> tuple[Span, ...] | None:
    return None if line is None else (Span(text=line, changed=True),)


def _pair(old: str, new: str) -> Row:
    before, after = _WORD.findall(old), _WORD.findall(new)
    if len(before) > WORDS_COMPARED or len(after) > WORDS_COMPARED:
        return Row(old=(Span(text=old, changed=True),), new=(Span(text=new, changed=True),), changed=True)
    left: list[Span] = []
    right: list[Span] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        _append(left, "".join(before[i1:i2]), changed=tag != "equal")
        _append(right, "".join(after[j1:j2]), changed=tag != "equal")
    return Row(old=tuple(_joined(left)), new=tuple(_joined(right)), changed=True)


def _append(spans: list[Span], text: str, *, changed: bool) -> None:
    if text:
        spans.append(Span(text=text, changed=changed))


def _joined(spans: list[Span]) -> Iterator[Span]:
    """Swallow the lone spaces between two changed words, so that a phrase reads as one mark."""
    merged: list[Span] = []
    for i, span in enumerate(spans):
        bridge = not span.changed and span.text.isspace() and 0 < i < len(spans) - 1
        changed = span.changed or (bridge and spans[i - 1].changed and spans[i + 1].changed)
        if merged and merged[-1].changed == changed:
            merged[-1] = Span(text=merged[-1].text + span.text, changed=changed)
        else:
            merged.append(Span(text=span.text, changed=changed))
    yield from merged
