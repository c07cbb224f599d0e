"""Reads the texts in force: all, some, or those that may say what is sought; must not judge what they say.

The database looks for words in all texts many times faster than they can be read here. It gives some texts too many,
never one too few: who asks reads them again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import connection

from governance.drift.terms_matching import stems
from governance.drift.terms_texts import Text

TEXTS_AT_ONCE = 2_000
MOST_SOUGHT = 400  # words in one statement; who seeks more reads all texts
_SMALL_WORD = re.compile(r"\b[a-z]{2,6}\b")
_TEXTS = """
    SELECT version.item_id, item.key, version.title, version.number, version.body
    FROM context_contextversion AS version JOIN context_contextitem AS item ON item.id = version.item_id
    WHERE item.retired_at IS NULL AND version.valid_from <= %(at)s
      AND (version.valid_to IS NULL OR version.valid_to > %(at)s) AND version.published_at <= %(at)s
      AND (version.superseded_at IS NULL OR version.superseded_at > %(at)s)
"""


def all_texts(*, at: datetime) -> Iterator[Text]:
    """All texts in force by their items, a part at a time."""
    return _read(_TEXTS, {"at": at})


def texts_of(item_ids: Collection[int], *, at: datetime) -> Iterator[Text]:
    """The texts in force of these items."""
    return _read(_TEXTS + " AND version.item_id = ANY (%(items)s)", {"at": at, "items": sorted(item_ids)})


def texts_saying(
    *, shorts: Collection[str], names: Iterable[str], but_of: Collection[int], at: datetime
) -> Iterator[Text]:
    """The texts in force of other items that have one of these abbreviations, or may have one of these names."""
    patterns = [r"\W{0,4}".join(rf"{stem}\w{{0,3}}" for stem in stems(name)) for name in names]
    conditions, sought = [], {"at": at, "but": sorted(but_of)}
    if shorts:
        conditions.append("version.body ~ %(shorts)s")
        sought["shorts"] = _any_of(re.escape(short) for short in shorts)
    if any(patterns):
        conditions.append("version.body ~* %(names)s")
        sought["names"] = _any_of(filter(None, patterns))
    if not conditions:
        return iter(())
    return _read(f"{_TEXTS} AND version.item_id <> ALL (%(but)s) AND ({' OR '.join(conditions)})", sought)


def small_words_among(words: Collection[str], *, at: datetime) -> frozenset[str]:
    """Which of these stand in small letters in some text in force. At most one statement for each, and one."""
    left, found = {word.lower() for word in words}, set[str]()
    while left:
        pattern = _any_of(left) + r"\M"
        text = next(_read(f"{_TEXTS} AND version.body ~ %(words)s", {"at": at, "words": pattern}, most=1), None)
        here = left.intersection(_SMALL_WORD.findall(text.body)) if text is not None else set()
        if not here:
            break
        found |= here
        left -= here
    return frozenset(found)


def _any_of(patterns: Iterable[str]) -> str:
    return rf"\m(?:{'|'.join(sorted(patterns))})"


def _read(statement: str, given: dict[str, Any], *, most: int | None = None) -> Iterator[Text]:
    ordered = f"{statement} ORDER BY version.item_id" if most is None else f"{statement} LIMIT {most:d}"
    with connection.cursor() as cursor:
        cursor.execute(ordered, given)
        while rows := cursor.fetchmany(TEXTS_AT_ONCE):
            for item_id, key, title, number, body in rows:
                yield Text(item_id=item_id, key=key, title=title, version=number, body=body)
