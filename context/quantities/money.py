"""Sums of money: a sign or an ISO code before or behind the figures; must not convert currencies."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from context.quantities import spelled
from context.quantities.tokens import Tokens
from context.quantities.words import MONEY_SCALES, SCALES, SMALL, value_of_figure
from context.wordlists import word_set

SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₿": "BTC"}
DOLLARS = {"US": "USD", "A": "AUD", "AU": "AUD", "C": "CAD", "CA": "CAD", "NZ": "NZD", "HK": "HKD", "S": "SGD"}
CODES = word_set(
    "USD EUR GBP CHF JPY CAD AUD NZD INR CNY SEK NOK DKK PLN CZK HUF BRL ZAR SGD HKD MXN KRW TRY AED ILS THB"
)
NAMES = {
    "dollar": "USD", "dollars": "USD", "euro": "EUR", "euros": "EUR", "pounds": "GBP", "yen": "JPY", "rupees": "INR",
    "francs": "CHF", "cents": "USD cent", "pence": "GBP pence",
}  # fmt: skip
# Whose figures put a full stop between thousands: 1.000 EUR is a thousand.
_CONTINENTAL = frozenset({"EUR", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "BRL", "TRY"})


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount in a currency, the tokens it spans, and its upper end where it is a range."""

    amount: Decimal
    currency: str
    first: int
    after: int
    upper: Decimal | None = None


def sum_at(tokens: Tokens, i: int) -> Sum | None:
    """The sum of money that begins at token `i`, by its sign, its code or its figures."""
    opened = opens(tokens, i)
    if opened is None:
        return _named_behind(tokens, i)
    currency, start = opened
    read = _amount(tokens, start, currency)
    if read is None:
        return None
    amount, after = read
    if tokens.word(after) in CODES and tokens.close(after):  # $50 USD
        currency, after = tokens.word(after), after + 1
    upper = None
    if tokens.lower(after) in ("-", "–", "to", "and"):
        again = opens(tokens, after + 1)
        high = _amount(tokens, again[1] if again else after + 1, currency)
        tied = again is not None or tokens.words[after] in "-–"
        joined = tied and (tokens.lower(after) != "and" or tokens.lower(i - 1) == "between")
        if high and high[0] > amount and joined and (again is None or again[0] == currency):
            upper, after = high
    return Sum(amount, currency, i, after, upper)


def opens(tokens: Tokens, i: int) -> tuple[str, int] | None:
    """The currency that stands at `i` before figures, and where those begin."""
    word = tokens.word(i)
    if word in SIGNS and tokens.close(i + 1):
        return SIGNS[word], i + 1
    if word in DOLLARS and tokens.word(i + 1) == "$" and tokens.touches(i + 1):
        return DOLLARS[word], i + 2
    if word in CODES and tokens.close(i + 1):
        return word, i + (2 if tokens.word(i + 1) in SIGNS else 1)
    return None


def _amount(tokens: Tokens, i: int, currency: str) -> tuple[Decimal, int] | None:
    if tokens.kind(i) != "figure":
        return None
    following = tokens.word(i + 1)
    if following in MONEY_SCALES and tokens.touches(i + 1):
        plain = value_of_figure(tokens.words[i])
        return (plain * MONEY_SCALES[following], i + 2) if plain is not None else None
    return spelled.number_at(tokens, i, continental=currency in _CONTINENTAL)


def _named_behind(tokens: Tokens, i: int) -> Sum | None:
    """500 EUR, 5 million dollars, 1.000,50 €."""
    if tokens.kind(i) != "figure" and tokens.lower(i) not in SMALL and tokens.lower(i + 1) not in SCALES:
        return None
    read = spelled.number_at(tokens, i)
    if read is None or not tokens.close(read[1]):
        return None
    word = tokens.word(read[1])
    currency = SIGNS.get(word) or (word if word in CODES else NAMES.get(word.lower()))
    if currency is None or (word in SIGNS and tokens.touches(read[1] + 1)):
        return None
    if currency in _CONTINENTAL and tokens.kind(i) == "figure":
        read = spelled.number_at(tokens, i, continental=True) or read
    amount, after = read[0], read[1] + 1
    if " " in currency:
        amount, currency = amount / 100, currency.split()[0]
    return Sum(amount, currency, i, after)
