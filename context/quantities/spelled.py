"""Numbers at a place, in figures or words, with the figure in brackets that repeats them; must not name units."""

from __future__ import annotations

from decimal import Decimal

from context.quantities.tokens import Tokens
from context.quantities.units import unit_named
from context.quantities.words import FRACTIONS, SCALES, SHORT_SCALES, SMALL, TENS, value_of_figure
from context.wordlists import word_set

Number = tuple[Decimal, int]
_NOT_COUNTED = word_set(
    "of another or to who that is may can should must will would might has could which was with and but as in for from "
    "does day's side hand thing way time place we you i they he she it the else by on at if when where than such"
)
_BEFORE_COUNTED_ONE = frozenset({"least", "most", "than", "only", "exactly", "just"})


def number_at(tokens: Tokens, i: int, *, continental: bool = False) -> Number | None:
    """The number that begins at token `i` and the token behind it: 1.5 million, twenty-four, thirty (30)."""
    found = _figures(tokens, i, continental=continental) if tokens.kind(i) == "figure" else _words(tokens, i)
    return None if found is None else (found[0], _past_echo(tokens, *found))


def fraction_at(tokens: Tokens, i: int) -> Number | None:
    """1/2, 2/3."""
    if tokens.word(i + 1) != "/" or not (tokens.is_integer(i) and tokens.is_integer(i + 2)):
        return None
    if not (tokens.touches(i + 1) and tokens.touches(i + 2)) or tokens.word(i + 3) == "/" or tokens.touches(i):
        return None
    if tokens.touches(i + 3) and tokens.kind(i + 3) != "sign":
        return None
    if len(tokens.words[i]) > 2 or len(tokens.words[i + 2]) > 2:
        return None
    over, under = int(tokens.words[i]), int(tokens.words[i + 2])
    return (Decimal(over) / Decimal(under), i + 3) if 0 < over < under <= 20 else None


def _figures(tokens: Tokens, i: int, *, continental: bool) -> Number | None:
    value = value_of_figure(tokens.words[i], continental=continental)
    if value is None:
        return None
    following = tokens.word(i + 1)
    if tokens.touches(i + 1) and following in SHORT_SCALES:
        return value * SHORT_SCALES[following], i + 2
    j = i + 2 if following == "-" and tokens.touches(i + 1) and tokens.touches(i + 2) else i + 1
    if tokens.lower(j) in SCALES and tokens.close(j):
        return value * SCALES[tokens.lower(j)], j + 1
    return value, i + 1


def _words(tokens: Tokens, i: int) -> Number | None:
    word = tokens.lower(i)
    if word in ("a", "an"):
        return _scaled_article(tokens, i)
    if word == "half":
        return _half(tokens, i)
    if word not in SMALL or (word == "one" and not _counts_one(tokens, i)):
        return None
    value, j = _cardinal(tokens, i)
    tied = tokens.word(j) == "-" and tokens.touches(j)
    k = j + 1 if tied else j
    if tokens.lower(k) in FRACTIONS and tokens.close(k) and value < 20 and _is_fraction(tokens, k):
        return value * FRACTIONS[tokens.lower(k)], k + 1
    if [tokens.lower(j + n) for n in range(3)] == ["and", "a", "half"]:
        value, j = value + Decimal("0.5"), j + 3
        if tokens.lower(j) in SCALES:
            return value * SCALES[tokens.lower(j)], j + 1
    return value, j


def _is_fraction(tokens: Tokens, i: int) -> bool:
    """Two thirds, one half; but "two quarters" of a year and "one third party" are none."""
    word = tokens.lower(i)
    return word != "quarters" and not (word == "third" and tokens.lower(i + 1) in ("party", "parties", "person"))


def _cardinal(tokens: Tokens, i: int) -> Number:
    """One hundred and twenty-five thousand. Scales may only fall, so that a run of them ends."""
    total, group, last_scale = Decimal(0), Decimal(SMALL[tokens.lower(i)]), Decimal(10) ** 15
    tens = tokens.lower(i) in TENS
    had_hundred = False
    j = i + 1
    while True:
        k = j + 1 if tokens.lower(j) == "and" and (had_hundred or total) else j
        k = k + 1 if tokens.word(k) == "-" and tokens.touches(k) and tokens.touches(k + 1) else k
        word = tokens.lower(k)
        if not tokens.close(k):
            break
        if (
            word in SMALL
            and word != "dozen"
            and ((tens and 0 < SMALL[word] < 10) or (group % 100 == 0 and had_hundred))
        ):
            group, tens = group + SMALL[word], word in TENS
        elif word in SMALL and group == 0 and total:
            group, tens = Decimal(SMALL[word]), word in TENS
        elif word == "hundred" and not had_hundred and 0 < group < 100:
            group, had_hundred, tens = group * 100, True, False
        elif word in SCALES and word not in ("hundred", "dozen") and SCALES[word] < last_scale and group:
            total, group, last_scale = total + group * SCALES[word], Decimal(0), SCALES[word]
            tens = had_hundred = False
        elif word == "dozen" and j == i + 1:
            return group * 12, k + 1
        else:
            break
        j = k + 1
    return total + group, j


def _scaled_article(tokens: Tokens, i: int) -> Number | None:
    """A hundred, a million, a dozen, a half."""
    word = tokens.lower(i + 1)
    if word in SCALES and tokens.close(i + 1):
        if tokens.lower(i + 2) in SCALES and SCALES[word] < SCALES[tokens.lower(i + 2)]:
            return SCALES[word] * SCALES[tokens.lower(i + 2)], i + 3
        return SCALES[word], i + 2
    if word == "half" and tokens.lower(i + 2) in SCALES:
        return SCALES[tokens.lower(i + 2)] / 2, i + 3
    return None


def _half(tokens: Tokens, i: int) -> Number | None:
    """Half a million, half an hour; "half" alone too."""
    if tokens.lower(i + 1) in ("a", "an"):
        if tokens.lower(i + 2) in SCALES:
            return SCALES[tokens.lower(i + 2)] / 2, i + 3
        if unit_named(tokens.word(i + 2)):
            return Decimal("0.5"), i + 2
        return None
    if tokens.lower(i + 1) in SCALES:
        return SCALES[tokens.lower(i + 1)] / 2, i + 2
    return (Decimal("0.5"), i + 1) if tokens.lower(i + 1) in ("of", "the") else None


def _counts_one(tokens: Tokens, i: int) -> bool:
    """Whether "one" counts something, and does not stand for somebody."""
    if tokens.lower(i - 1) in _BEFORE_COUNTED_ONE:
        return True
    following = tokens.lower(i + 1)
    if following in ("(", "-") or following in SCALES or following in FRACTIONS:
        return following != "(" or tokens.kind(i + 2) == "figure"
    if tokens.lower(i - 1) in ("no", "any", "every", "each", "this", "that", "which", "another", "some"):
        return False
    return tokens.kind(i + 1) == "word" and tokens.close(i + 1) and following not in _NOT_COUNTED


def _past_echo(tokens: Tokens, value: Decimal, after: int) -> int:
    """Behind the same number repeated in brackets: thirty (30), 30 (thirty)."""
    if tokens.word(after) != "(" or not tokens.close(after):
        return after
    inner = _figures(tokens, after + 1, continental=False) if tokens.kind(after + 1) == "figure" else None
    if inner is None and tokens.lower(after + 1) in SMALL:
        inner = _cardinal(tokens, after + 1)
    if inner is None or inner[0] != value or tokens.word(inner[1]) != ")":
        return after
    return inner[1] + 1
