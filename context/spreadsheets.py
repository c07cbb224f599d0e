"""Cells of CSV that no spreadsheet computes; must not know what the rows are of."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

# What a spreadsheet would take for a formula when it stands first.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def text_cell(value: Any) -> str:
    """The value as text; an apostrophe in front where a spreadsheet would compute it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS) else text


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Each row as one line of CSV (RFC 4180), every cell safe."""
    held = io.StringIO()
    writer = csv.writer(held)
    for row in rows:
        writer.writerow([text_cell(cell) for cell in row])
        yield held.getvalue()
        held.seek(0)
        held.truncate()
