"""Differences made ready to show: long unchanged runs folded, fields under their labels; must not compare anything."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from context.diffs import FieldChange, Row, TextDiff, diff_text
from context.schema_controls import label_for, resolve
from context.views.facts import said

# Unchanged lines kept in sight around a change; a run is folded where that hides at least four.
CONTEXT_LINES = 2
SMALLEST_FOLD = 4

LABELS = {
    "title": "Title",
    "body": "Text",
    "data": "Facts",
    "claims": "Claims",
    "locale": "Language",
    "valid_from": "Valid from",
    "valid_to": "Valid until",
    "owner": "Owner",
    "stewards": "Stewards",
    "sensitivity": "Sensitivity",
    "audiences": "Audiences",
    "tags": "Tags",
    "review_interval_days": "Days between reviews",
    "relations": "Relations",
    "source": "Source",
    "domain": "Domain",
    "kind": "Kind",
    "replaced_by": "Replaced by",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Consecutive rows; `folded` where they may be hidden until asked for."""

    rows: tuple[Row, ...]
    folded: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedChange:
    """A field that differs, with its label; `row` marks the words that do."""

    label: str
    row: Row


def folded(rows: Sequence[Row]) -> list[Block]:
    """The rows in blocks, unchanged ones away from any change folded."""
    near = [False] * len(rows)
    for i, row in enumerate(rows):
        if row.changed:
            for j in range(max(0, i - CONTEXT_LINES), min(len(rows), i + CONTEXT_LINES + 1)):
                near[j] = True
    blocks: list[Block] = []
    start = 0
    while start < len(rows):
        end = start
        while end < len(rows) and near[end] == near[start]:
            end += 1
        run = tuple(rows[start:end])
        fold = (
            not near[start]
            and sum(1 for row in run if any(span.text.strip() for span in row.new or ())) >= SMALLEST_FOLD
        )
        blocks.append(Block(rows=run, folded=fold))
        start = end
    return blocks


def marked(diff: TextDiff) -> list[Row]:
    """The rows, with what changed in substance said on the first differing line of each passage that did."""
    reasons = _reasons_of(diff)
    said_old, said_new = _said_by_line(diff, "old", reasons), _said_by_line(diff, "new", reasons)
    rows: list[Row] = []
    i = j = 0
    for row in diff.rows:
        here = [
            reason for lines, n, side in ((said_new, j, row.new), (said_old, i, row.old)) if side for reason in lines[n]
        ]
        i, j = i + (row.old is not None), j + (row.new is not None)
        if row.changed and here:
            waiting = [reason for reason in here if not reason.taken]
            for reason in here:
                reason.taken = True
            row = replace(row, substance=" ".join(dict.fromkeys(reason.why for reason in waiting)))
        rows.append(row)
    return rows


@dataclass(slots=True)
class _Said:
    why: str
    taken: bool = False


def _said_by_line(diff: TextDiff, side: str, reasons: Sequence[_Said | None]) -> list[list[_Said]]:
    """For each line of one side, the reasons of the substantive passages that touch it."""
    ends: list[int] = []
    at = 0
    for line in getattr(diff, side).splitlines(keepends=True):
        at += len(line)
        ends.append(at)
    lines: list[list[_Said]] = [[] for _ in range(len(ends) + 1)]
    for change, reason in zip(diff.passages, reasons, strict=True):
        place = getattr(change, side)
        if reason is None or place is None:
            continue
        for n in range(bisect_right(ends, place.start), bisect_right(ends, place.end - 1) + 1):
            lines[n].append(reason)
    return lines


def _reasons_of(diff: TextDiff) -> list[_Said | None]:
    return [
        _Said(" ".join(each.why for each in change.reasons if each.substantive)) if change.material else None
        for change in diff.passages
    ]


def named_changes(changes: Iterable[FieldChange], schema: Mapping[str, Any]) -> list[NamedChange]:
    """Each change under the words a person knows the field by."""
    return [_named(change, schema) for change in changes]


def _named(change: FieldChange, schema: Mapping[str, Any]) -> NamedChange:
    old, new = words_of(change.old), words_of(change.new)
    row = diff_text(old.replace("\n", " "), new.replace("\n", " ")).rows
    return NamedChange(
        label=label_of(change.path, schema),
        row=row[0] if len(row) == 1 else Row(old=_whole(row, "old"), new=_whole(row, "new"), changed=True),
    )


def _whole(rows: Sequence[Row], side: str) -> tuple[Any, ...] | None:
    spans = tuple(span for row in rows for span in getattr(row, side) or ())
    return spans or None


def label_of(path: Sequence[str], schema: Mapping[str, Any]) -> str:
    """`("data", "limits", "2", "quantity")` as “Limits 2 › Quantity”."""
    path = path[1:] if path[:1] == ("metadata",) else path
    if not path:
        return "Everything"
    if path[0] != "data" or len(path) == 1:
        inner = [
            LABELS.get(path[0], path[0].replace("_", " ").capitalize()),
            *(part.replace("_", " ") for part in path[1:]),
        ]
        return _joined(inner)
    words: list[str] = []
    at: Mapping[str, Any] = schema
    for part in path[1:]:
        if part.isdigit():
            at = resolve(at.get("items", {}), schema)
            words.append(part)
        else:
            at = resolve(at.get("properties", {}).get(part, {}), schema)
            words.append(label_for(part, at))
    return _joined(words)


def _joined(words: Sequence[str]) -> str:
    text = ""
    for word in words:
        text += (" " if word.isdigit() else " › ") + word if text else word
    return text


def words_of(value: Any) -> str:
    """A value of a payload as text to be compared and read."""
    if isinstance(value, list) and value and all(isinstance(entry, Mapping) for entry in value):
        return "; ".join(_entry(entry) for entry in value)
    return said(value)


def _entry(entry: Mapping[str, Any]) -> str:
    if set(entry) == {"type", "key"}:
        return f"{str(entry['type']).replace('_', ' ')} {entry['key']}"
    return ", ".join(
        f"{name.replace('_', ' ')}: {said(value)}" for name, value in entry.items() if value not in (None, "")
    )
