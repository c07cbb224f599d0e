"""What a quantity is and how two are compared; must not read text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Kind = Literal["number", "ordinal", "percent", "money", "duration", "date", "time", "measure"]
Comparator = Literal["", ">=", "<=", ">", "<", "~", "every"]
NominalKind = Literal["section", "version", "identifier", "enumerator", "year", "phone"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantity:
    """One quantity a text names, at its exact place: `source[start:end] == text`.

    `magnitude` is in `unit`; `base` is the same in the base unit of its dimension, so that 4 weeks equal 28 days.
    A range has `upper` and `base_upper` besides. `comparator` says how the text bounds it ("at least", "within"), and
    `every` marks a period ("annually" is every 1 year). `of` is the word that follows a plain number: 3 *approvals*.

    Dates: `unit` is day, month or year, the precision the text gives; a day without a year has the unit "day of year"
    and the year 4. Times of day are minutes after midnight. A bare `$` is read as USD.
    """

    start: int
    end: int
    text: str
    kind: Kind
    magnitude: Decimal | date
    unit: str
    dimension: str
    base: Decimal | date
    upper: Decimal | date | None = None
    base_upper: Decimal | date | None = None
    comparator: Comparator = ""
    of: str = ""

    @property
    def amount(self) -> tuple[str, Decimal | date, Decimal | date | None]:
        """What two quantities must share to be the same amount, whatever bounds it and however it is written."""
        return (self.dimension, self.base, self.base_upper)

    @property
    def meaning(self) -> tuple[str, Decimal | date, Decimal | date | None, Comparator]:
        """The amount and its bound: two texts that differ in this state different things."""
        return (*self.amount, self.comparator)


@dataclass(frozen=True, kw_only=True, slots=True)
class Nominal:
    """Digits that name something and measure nothing: a section, a version, a phone number, a list entry."""

    start: int
    end: int
    text: str
    kind: NominalKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Numerals:
    """All digits and number words of a text, told apart, each in order of place."""

    quantities: tuple[Quantity, ...]
    nominals: tuple[Nominal, ...]
