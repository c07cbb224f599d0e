"""Numbers that are spelled out, and the figures of both conventions; must not know units."""

from __future__ import annotations

import re
from decimal import Decimal

from context.wordlists import words

_ONES = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
SMALL = {word: n for n, word in enumerate(_ONES)} | {word: 10 * n for n, word in enumerate(_TENS, 2)} | {"dozen": 12}
TENS = frozenset(_TENS)
SCALES = {
    "hundred": Decimal(100), "thousand": Decimal(1000), "million": Decimal(10**6), "billion": Decimal(10**9),
    "trillion": Decimal(10**12), "lakh": Decimal(10**5), "crore": Decimal(10**7), "dozen": Decimal(12),
}  # fmt: skip
# Right behind the digits: 5k, 1.5m, 2bn. A lone "m" or "b" counts only with money.
SHORT_SCALES = {"k": Decimal(1000), "K": Decimal(1000), "mn": Decimal(10**6), "bn": Decimal(10**9), "M": Decimal(10**6)}
MONEY_SCALES = SHORT_SCALES | {"m": Decimal(10**6), "b": Decimal(10**9), "B": Decimal(10**9), "tn": Decimal(10**12)}
_ORDINALS = words(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth"
)
ORDINALS = (
    {word: n for n, word in enumerate(_ORDINALS)}
    | {word[:-1] + "ieth": 10 * n for n, word in enumerate(_TENS, 2)}
    | {"hundredth": 100, "thousandth": 1000}
)
FRACTIONS = {
    "half": Decimal("0.5"), "halves": Decimal("0.5"), "third": Decimal(1) / 3, "thirds": Decimal(1) / 3,
    "quarter": Decimal("0.25"), "quarters": Decimal("0.25"), "fourth": Decimal("0.25"), "fourths": Decimal("0.25"),
    "fifth": Decimal("0.2"), "fifths": Decimal("0.2"), "tenth": Decimal("0.1"), "tenths": Decimal("0.1"),
}  # fmt: skip
TIMES = {"once": 1, "twice": 2, "thrice": 3}
# Longer figures are serial numbers, keys or noise, and arithmetic on them is not worth its time.
LONGEST_FIGURE = 30

_ENGLISH = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z")
_CONTINENTAL = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+\Z|\d{1,3}(?:\.\d{3}){2,}\Z")
_SPACED = re.compile(r"\d{1,3}(?:['’\u00a0\u202f\u2009]\d{3})+(?:[.,]\d+)?\Z")
_PLAIN = re.compile(r"\d+(?:\.\d+)?\Z")
_COMMA = re.compile(r"\d+,\d+\Z")
_THOUSANDS_OR_DECIMALS = re.compile(r"[1-9]\d{0,2}\.\d{3}\Z")


def value_of_figure(text: str, *, continental: bool = False) -> Decimal | None:
    """`1,000.5`, `1.000,5`, `1 000` and `1'000` as numbers; None for what is no number (1.2.3).

    1.000 alone is one, unless `continental` (a sum in euro) says that the full stop divides thousands.
    """
    if len(text) > LONGEST_FIGURE:
        return None
    if _ENGLISH.match(text) and not text.startswith("0,"):
        return Decimal(text.replace(",", ""))
    if _SPACED.match(text):
        return Decimal(re.sub(r"['’\u00a0\u202f\u2009]", "", text).replace(",", "."))
    if _CONTINENTAL.match(text) or (continental and _THOUSANDS_OR_DECIMALS.match(text)):
        return Decimal(text.replace(".", "").replace(",", "."))
    if _PLAIN.match(text):
        return Decimal(text)
    if _COMMA.match(text):
        return Decimal(text.replace(",", "."))
    return None
