"""The versions of an item on a line of time, and the day that a slider names; must not judge what is in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from context.models import ContextVersion

WIDTH = 300
SMALLEST = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """How long a version was in force and known, from left to right."""

    number: int
    x: float
    width: float
    in_force: bool
    shown: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """`days` from `first` until today; `chosen` is the day that is shown, as a number of days after `first`."""

    spans: tuple[Span, ...]
    first: date
    days: int
    chosen: int
    chosen_on: date
    width: int
    summary: str


def timeline_of(
    *, versions: Sequence[ContextVersion], shown: ContextVersion | None, now: datetime, moment: datetime
) -> Timeline | None:
    """None where there is nothing to slide over: no version, or all of today. `versions` may come in any order."""
    known = sorted((each for each in versions if each.published_at <= now), key=lambda each: each.number)
    if not known:
        return None
    start = min(max(each.published_at, each.valid_from) for each in known)
    if start > now or (now.date() - start.date()).days < 1:
        return None
    whole = (now - start).total_seconds()

    def place(at: datetime) -> float:
        return max(0.0, min(1.0, (at - start).total_seconds() / whole)) * WIDTH

    spans = []
    for each in known:
        begins = max(each.published_at, each.valid_from)
        ends = min(at for at in (each.superseded_at, each.valid_to, now) if at is not None)
        if begins >= now or ends <= begins:
            continue
        x = min(place(begins), WIDTH - SMALLEST)
        spans.append(
            Span(
                number=each.number,
                x=round(x, 1),
                width=round(max(SMALLEST, place(ends) - x), 1),
                in_force=ends >= now,
                shown=shown is not None and shown.number == each.number,
            )
        )
    first, days = start.date(), (now.date() - start.date()).days
    chosen = max(0, min(days, (moment.date() - first).days))
    return Timeline(
        spans=tuple(spans),
        first=first,
        days=days,
        chosen=chosen,
        chosen_on=first + timedelta(days=chosen),
        width=WIDTH,
        summary=f"{len(spans)} version{'' if len(spans) == 1 else 's'} in force since {first.day} {first:%B %Y}.",
    )


def day_named(text: str, *, versions: Sequence[ContextVersion], now: datetime) -> str:
    """The ISO day of that many days after the first version came into force, or empty where the text is no number."""
    line = timeline_of(versions=versions, shown=None, now=now, moment=now)
    if line is None or not (text.isascii() and text.isdigit() and len(text) < 7):
        return ""
    return (line.first + timedelta(days=min(int(text), line.days))).isoformat()
