"""What differs between two states of a governed record, made ready to show; must not compare."""

from __future__ import annotations

from collections.abc import Sequence

from context.diffs import FieldChange, Row, Span, diff_text
from context.views.diff_rows import NamedChange, words_of
from governance.governed import GovernedRecord, Payload
from governance.governed_diffs import record_changes


def record_rows(record: GovernedRecord, base: Payload | None, payload: Payload) -> list[NamedChange]:
    """Each leaf that differs under the words a person knows it by, such as “What the task needs › legal/terms”."""
    return [_named(record, change) for change in record_changes(record, base, payload)]


def _named(record: GovernedRecord, change: FieldChange) -> NamedChange:
    old, new = words_of(change.old).replace("\n", " "), words_of(change.new).replace("\n", " ")
    rows = diff_text(old, new).rows
    row = rows[0] if len(rows) == 1 else Row(old=_whole(rows, "old"), new=_whole(rows, "new"), changed=True)
    return NamedChange(label=place_in_words(record, change.path), row=row)


def place_in_words(record: GovernedRecord, path: Sequence[str]) -> str:
    """`("requirements", "legal/terms", "max_age_days")` as “What the task needs › legal/terms › max age days”."""
    first, *inner = path
    label = record.labels.get(first, first.replace("_", " ").capitalize())
    return " › ".join([label, *(record.labels.get(part, part.replace("_", " ")) for part in inner)])


def _whole(rows: Sequence[Row], side: str) -> tuple[Span, ...] | None:
    spans = tuple(span for row in rows for span in getattr(row, side) or ())
    return spans or None
