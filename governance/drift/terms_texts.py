"""A text in force as the terminology detector holds it, and how a place in it is shown; must not read rows or check."""

from __future__ import annotations

from dataclasses import dataclass

from governance.drift.drafts import Excerpt

AROUND = 240  # characters shown on each side of a place


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """One text in force."""

    item_id: int
    key: str
    title: str
    version: int
    body: str


def excerpt(text: Text, start: int, end: int) -> Excerpt:
    first, after = max(0, start - AROUND), min(len(text.body), end + AROUND)
    if first:
        first = text.body.find(" ", first, start) + 1 or first
    return Excerpt(
        key=text.key,
        title=text.title,
        version=text.version,
        text=text.body[first:after],
        marks=((start - first, end - first),),
    )
