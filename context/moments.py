"""Reads moments that are written as ISO 8601 text; must not read the clock or judge what a moment is for."""

from __future__ import annotations

from datetime import UTC, datetime, time

from django.utils.dateparse import parse_date, parse_datetime

from context.errors import InvalidInput

# The longest text that is looked at: microseconds and an offset fit.
LONGEST_MOMENT = 40
HOW_TO_WRITE = "Write 2026-03-31 or 2026-03-31T12:00:00Z."


class NotAMoment(InvalidInput):
    """A text that should name a moment cannot be read as one: nothing could be checked about it."""

    type = "not-a-moment"
    title = "This is not a date or time"
    status = 400


def moment_of(text: str) -> datetime | None:
    """The aware moment that the text names, or None: without an offset it is UTC, a date alone is its first moment."""
    if len(text) > LONGEST_MOMENT:
        return None
    try:
        # A `+` that was not percent-encoded arrives as a space.
        moment = parse_datetime(text.replace(" ", "+") if "T" in text else text)
        if moment is None:
            day = parse_date(text)
            moment = datetime.combine(day, time(), tzinfo=UTC) if day else None
        if moment is None:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_moment(text: str, *, field: str) -> datetime:
    """As `moment_of`; NotAMoment, naming the field, where the text is neither date nor time."""
    moment = moment_of(text)
    if moment is None:
        raise NotAMoment(f"{field} is not a date or time.", field=field, fix=HOW_TO_WRITE)
    return moment
