"""Words before and behind a quantity that bound it: at least, within, or more; must not read figures."""

from __future__ import annotations

from context.quantities.model import Comparator
from context.quantities.tokens import Tokens
from context.wordlists import word_set

_PHRASES: dict[Comparator, str] = {
    ">=": "at least|no less than|not less than|no fewer than|not fewer than|minimum|min|no earlier than|"
    "not earlier than|not before|starting at|not be less than|as of|effective|beginning|since|no lower than",
    ">": "more than|greater than|over|above|exceed|exceeds|exceeding|exceeded|longer than|older than|later than|after|"
    "in excess of|larger than|beyond|higher than|upwards of",
    "<=": "at most|no more than|not more than|not to exceed|not exceed|not exceeding|no longer than|not longer than|"
    "no later than|not later than|up to|maximum|max|within|until|till|no greater than|not be more than|"
    "not greater than|no higher than|does not exceed|do not exceed|through|limited to|cannot exceed|never exceed",
    "<": "less than|fewer than|under|below|before|shorter than|younger than|prior to|smaller than|lower than",
    "~": "about|approximately|around|roughly|circa|nearly|almost|approx",
    "every": "every|each|per",
}
_BEFORE: dict[tuple[str, ...], Comparator] = {
    tuple(phrase.split()): bound for bound, phrases in _PHRASES.items() for phrase in phrases.split("|")
}
_LONGEST = max(len(phrase) for phrase in _BEFORE)
_FILLERS = frozenset({"a", "an", "the", "of", "period", "total", "amount", "term", "sum", "is", "be", "to", "age"})
_SIGNS: dict[str, Comparator] = {">": ">", "<": "<", "≥": ">=", "≤": "<=", "~": "~", "≈": "~"}
_MORE = word_set("more greater longer older above over later after higher")
_LESS = word_set("less fewer shorter younger below under lower earlier before")
# "by 1 May" is a deadline; "by 5 percent" is a step.
_DATE_ONLY = {"by": "<=", "on": "", "from": ">="}


def bound_of(tokens: Tokens, first: int, after: int, *, is_date: bool) -> Comparator:
    """What bounds the quantity that spans the tokens from `first` up to `after`."""
    return _behind(tokens, after) or _before(tokens, first, is_date=is_date)


def _before(tokens: Tokens, first: int, *, is_date: bool) -> Comparator:
    sign = tokens.word(first - 1)
    if sign == "=" and tokens.touches(first - 1) and tokens.word(first - 2) in ("<", ">"):
        return "<=" if tokens.word(first - 2) == "<" else ">="
    if sign in _SIGNS and not (sign == ">" and tokens.opens_line(first)):
        return _SIGNS[sign]
    end, skipped = first, 0
    while True:
        for length in range(min(_LONGEST, end), 0, -1):
            phrase = tuple(tokens.lowered[end - length : end])
            if phrase in _BEFORE and tokens.close(end):
                return _BEFORE[phrase]
        word = tokens.lower(end - 1)
        if is_date and word in _DATE_ONLY and tokens.close(end):
            return "<=" if word == "by" else ">=" if word == "from" else ""
        if word not in _FILLERS or skipped == 4 or not tokens.close(end):
            return ""
        end, skipped = end - 1, skipped + 1


def _behind(tokens: Tokens, after: int) -> Comparator:
    word = tokens.lower(after)
    if not tokens.close(after):
        return ""
    if word == "+" and tokens.touches(after):
        return ">="
    if word in ("or", "and"):
        following = tokens.lower(after + 1)
        return ">=" if following in _MORE else "<=" if following in _LESS else ""
    if word in ("minimum", "min"):
        return ">="
    if word in ("maximum", "max"):
        return "<="
    return ""
