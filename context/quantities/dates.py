"""Dates and times of day in the forms people write; must not know other quantities."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from context.quantities.tokens import Tokens
from context.wordlists import words

_MONTHS = words("january february march april may june july august september october november december")
MONTHS = {form: n for n, name in enumerate(_MONTHS, 1) for form in (name, name[:3])} | {"sept": 9}
# A day without a year lies in a leap year, so that 29 February is one.
NO_YEAR = 4
_SUFFIXES = frozenset({"st", "nd", "rd", "th"})
_DOTTED = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})\Z")


@dataclass(frozen=True, slots=True)
class Moment:
    """A date or time of day, the precision the text gives, and the token behind it."""

    value: date | Decimal
    unit: str
    after: int


def moment_at(tokens: Tokens, i: int) -> Moment | None:
    """The date or time of day that begins at token `i`, if one does."""
    kind = tokens.kind(i)
    if kind == "isodate":
        year, month, day = (int(part) for part in tokens.words[i][:10].split("-"))
        return _moment(year, month, day, i + 1)
    if kind == "figure":
        return next((found for form in _FIGURE_FORMS if (found := form(tokens, i))), None)
    if kind == "word" and (month := _month(tokens, i)):
        return _month_first(tokens, i, month)
    return None


def _moment(year: int, month: int, day: int, after: int, unit: str = "day") -> Moment | None:
    try:
        return Moment(date(year, month, day), unit, after)
    except ValueError:
        return None


def _month(tokens: Tokens, i: int) -> int:
    word = tokens.word(i)
    return MONTHS.get(word.lower(), 0) if word[:1].isupper() else 0


def _past_dot(tokens: Tokens, i: int) -> int:
    return i + 1 if tokens.word(i) == "." and tokens.touches(i) and len(tokens.word(i - 1)) <= 4 else i


def _day(tokens: Tokens, i: int) -> tuple[int, int]:
    """The day of a month at `i` and the token behind it; 0 where there is none."""
    if not tokens.is_integer(i) or len(tokens.words[i]) > 2 or not 1 <= int(tokens.words[i]) <= 31:
        return 0, i
    suffix = tokens.lower(i + 1) in _SUFFIXES and tokens.touches(i + 1)
    if not suffix and tokens.touches(i + 1) and tokens.kind(i + 1) == "word":
        return 0, i
    return int(tokens.words[i]), i + 2 if suffix else i + 1


def _year(tokens: Tokens, i: int) -> tuple[int, int]:
    """The year at `i`, past a comma, and the token behind it; 0 where there is none."""
    j = i + 1 if tokens.word(i) == "," else i
    if tokens.is_integer(j) and len(tokens.words[j]) == 4 and tokens.close(j) and 1000 <= int(tokens.words[j]) <= 2999:
        if tokens.touches(j + 1) and tokens.kind(j + 1) == "word":
            return 0, i
        return int(tokens.words[j]), j + 1
    return 0, i


def _month_first(tokens: Tokens, i: int, month: int) -> Moment | None:
    j = _past_dot(tokens, i + 1)
    if not tokens.close(j):
        return None
    day, after = _day(tokens, j)
    if day and tokens.word(after) != ":":
        year, end = _year(tokens, after)
        return _moment(year, month, day, end) if year else _moment(NO_YEAR, month, day, after, "day of year")
    year, end = _year(tokens, j)
    return _moment(year, month, 1, end, "month") if year else None


def _day_first(tokens: Tokens, i: int) -> Moment | None:
    day, j = _day(tokens, i)
    if not day:
        return None
    j = j + 1 if tokens.lower(j) == "of" else j
    month = _month(tokens, j) if tokens.close(j) else 0
    if not month:
        return None
    after = _past_dot(tokens, j + 1)
    year, end = _year(tokens, after)
    if year:
        return _moment(year, month, day, end)
    return _moment(NO_YEAR, month, day, j + 1, "day of year")


def _dotted(tokens: Tokens, i: int) -> Moment | None:
    match = _DOTTED.match(tokens.words[i]) if len(tokens.words[i]) <= 10 else None
    return _moment(int(match[3]), int(match[2]), int(match[1]), i + 1) if match else None


def _slashed(tokens: Tokens, i: int) -> Moment | None:
    """12/31/2024, 31/12/2024 and 2024/12/31. Where day and month could be either, the month is taken to come first."""
    if [tokens.word(i + 1), tokens.word(i + 3)] not in (["/", "/"], ["-", "-"]):
        return None
    if not all(tokens.touches(i + n) for n in range(1, 5)) or not all(tokens.is_integer(i + n) for n in (0, 2, 4)):
        return None
    words = [tokens.words[i + n] for n in (0, 2, 4)]
    if len(words[0]) == 4 and len(words[1]) <= 2 and len(words[2]) <= 2:
        return _moment(int(words[0]), int(words[1]), int(words[2]), i + 5)
    if len(words[2]) != 4 or len(words[0]) > 2 or len(words[1]) > 2:
        return None
    first, second, year = (int(word) for word in words)
    return _moment(year, second, first, i + 5) if first > 12 else _moment(year, first, second, i + 5)


def _clock(tokens: Tokens, i: int) -> Moment | None:
    """17:30, 9:00 am, 5pm."""
    if not tokens.is_integer(i) or len(tokens.words[i]) > 2:
        return None
    hour, minute, after = int(tokens.words[i]), 0, i + 1
    spelled = tokens.word(after) == ":" and tokens.touches(after) and tokens.touches(after + 1)
    if spelled:
        if not tokens.is_integer(after + 1) or len(tokens.words[after + 1]) != 2:
            return None
        minute, after = int(tokens.words[after + 1]), after + 2
        if tokens.word(after) == ":" and tokens.touches(after):  # seconds, or a longer run of figures that is no time
            if not (tokens.touches(after + 1) and tokens.is_integer(after + 1) and len(tokens.words[after + 1]) == 2):
                return None
            after += 2
    half, end = _half_of_day(tokens, after)
    if not (spelled or half) or hour > (12 if half else 24) or minute > 59:
        return None
    if half:
        hour, after = hour % 12 + (12 if half == "p" else 0), end
    return Moment(Decimal(hour * 60 + minute), "time of day", after)


def _half_of_day(tokens: Tokens, i: int) -> tuple[str, int]:
    word = tokens.lower(i)
    if word in ("am", "pm") and tokens.close(i):
        return word[0], i + 1
    if word in ("a", "p") and tokens.word(i + 1) == "." and tokens.lower(i + 2) == "m":
        return word, i + 4 if tokens.word(i + 3) == "." and tokens.touches(i + 3) else i + 3
    return "", i


_FIGURE_FORMS: tuple[Callable[[Tokens, int], Moment | None], ...] = (_slashed, _dotted, _clock, _day_first)
