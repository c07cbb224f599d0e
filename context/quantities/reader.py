"""Walks over the tokens of a text once and reads each quantity it meets; must not compare texts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from context.quantities import dates, money, nominals, spelled
from context.quantities.bounds import bound_of
from context.quantities.model import Comparator, Kind, Nominal, NominalKind, Numerals, Quantity
from context.quantities.tokens import Tokens
from context.quantities.units import PERIODS, TIME, unit_named, worth
from context.quantities.words import ORDINALS, TIMES
from context.wordlists import word_set

# How many tokens may lie between two entries of a list of sections.
_REACH_OF_LIST = 10
# Passages are asked about several times in a row; longer texts are not worth their memory.
LONGEST_KEPT = 4_000
_SUFFIXES = frozenset({"st", "nd", "rd", "th"})
_EVERY = frozenset({"per", "every", "each"})
_ARTICLE_UNITS = frozenset({"hour", "day", "week", "month", "year", "fortnight", "decade", "minute"})
_BETWEEN_UNIT = word_set("consecutive calendar full whole additional more successive continuous")
_BUSINESS = frozenset({"business", "working"})
_AREA = {"square": 2, "sq": 2, "cubic": 3}
_RANGE = frozenset({"-", "–", "—", "to", "and", "through"})
_ISO_UNITS = {"Y": "year", "M": "month", "W": "week", "D": "day", "H": "hour", "S": "second"}


@dataclass(frozen=True, slots=True)
class _Unit:
    kind: Kind
    name: str
    after: int
    scale: Decimal = Decimal(1)


def quantities_in(text: str) -> tuple[Quantity, ...]:
    """The quantities `text` names, in order of place. Milliseconds for a page; linear in the length of the text."""
    return numerals_in(text).quantities


def numerals_in(text: str) -> Numerals:
    """The quantities of `text`, and beside them the figures that only name something."""
    return _kept(text) if len(text) <= LONGEST_KEPT else _Reader(Tokens(text)).read()


@lru_cache(maxsize=1024)
def _kept(text: str) -> Numerals:
    return _Reader(Tokens(text)).read()


class _Reader:
    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.quantities: list[Quantity] = []
        self.nominals: list[Nominal] = []
        self.reference_end = -1

    def read(self) -> Numerals:
        i = 0
        while i < len(self.tokens):
            kind = self.tokens.kinds[i]
            after = 0
            if kind in ("figure", "isodate"):
                after = self._date(i) or self._figure(i)
            elif kind == "word":
                after = self._date(i) or self._word(i)
            elif kind == "isoduration":
                after = self._iso_duration(i)
            elif kind == "sign":
                after = self._sum(i)
            i = max(after, i + 1)
        return Numerals(quantities=tuple(self.quantities), nominals=tuple(self.nominals))

    # What a token may begin. Each returns the token behind what it read, or 0.

    def _date(self, i: int) -> int:
        moment = dates.moment_at(self.tokens, i)
        if moment is None:
            return 0
        if isinstance(moment.value, date):
            self._add(i, moment.after, "date", moment.value, moment.unit, dimension="[date]", is_date=True)
        else:
            self._add(i, moment.after, "time", moment.value, "minute of day", dimension="[time of day]", is_date=True)
        return moment.after

    def _figure(self, i: int) -> int:
        tokens = self.tokens
        if tokens.kinds[i] == "isodate":  # 2024-13-45
            return self._name(i, i + 1, "identifier")
        if nominals.is_dated_year(tokens, i):
            year = date(int(tokens.words[i]), 1, 1)
            self._add(i, i + 1, "date", year, "year", dimension="[date]", is_date=True)
            return i + 1
        if found := spelled.fraction_at(tokens, i):
            return self._measured(i, *found)
        after_reference = self._continues_references(i)
        after_name = bool(self.nominals) and i > 1 and self.nominals[-1].end == tokens.ends[i - 2]
        if named := nominals.nominal_at(tokens, i, after_reference=after_reference, after_name=after_name):
            return self._name(i, named[1], named[0])
        if tokens.touches(i + 1) and tokens.lower(i + 1) in _SUFFIXES and tokens.is_integer(i):
            if len(tokens.words[i]) <= 6:
                self._add(i, i + 2, "ordinal", Decimal(tokens.words[i]), "", dimension="ordinal")
            return i + 2
        if read := money.sum_at(tokens, i):
            return self._money(i, read)
        number = spelled.number_at(tokens, i)
        if number is None:
            return self._name(i, i + 1, "identifier")
        return self._measured(i, *number)

    def _continues_references(self, i: int) -> bool:
        """Whether a list of sections goes on: "Sections 3, 4 (last paragraph), 5"."""
        start = self.reference_end
        return 0 <= start < i <= start + _REACH_OF_LIST and "." not in self.tokens.words[start + 1 : i]

    def _word(self, i: int) -> int:
        tokens, word = self.tokens, self.tokens.lowered[i]
        if word in PERIODS:
            self._add(i, i + 1, "duration", Decimal(1), PERIODS[word], comparator="every")
            return i + 1
        if word in TIMES:
            self._add(i, i + 1, "number", Decimal(TIMES[word]), "", of="times")
            return i + 1
        if word in _EVERY and (unit := unit_named(tokens.word(i + 1))) and worth(unit)[1] == TIME and unit != "second":
            self._add(i + 1, i + 2, "duration", Decimal(1), unit, comparator="every")
            return i + 2
        if word in ("a", "an"):
            return self._article(i)
        if read := money.sum_at(tokens, i):
            return self._money(i, read)
        if number := spelled.number_at(tokens, i):
            return self._measured(i, *number)
        if word in ORDINALS and tokens.word(i + 1) != ",":
            self._add(i, i + 1, "ordinal", Decimal(ORDINALS[word]), "", dimension="ordinal")
            return i + 1
        return 0

    def _article(self, i: int) -> int:
        """ "a month" is one; after a quantity ("8 hours a day") it says how often."""
        tokens = self.tokens
        if number := spelled.number_at(tokens, i):
            return self._measured(i, *number)
        unit = unit_named(tokens.word(i + 1)) if tokens.close(i + 1) else None
        if unit not in _ARTICLE_UNITS or tokens.lower(i + 1).endswith("s"):
            return 0
        how_often = bool(self.quantities) and self.quantities[-1].end == tokens.ends[i - 1] if i else False
        bound: Comparator | None = "every" if how_often or tokens.lower(i - 1) in ("times", "once", "twice") else None
        self._add(i, i + 2, "duration", Decimal(1), unit, comparator=bound)
        return i + 2

    def _sum(self, i: int) -> int:
        read = money.sum_at(self.tokens, i)
        return self._money(i, read) if read else 0

    def _iso_duration(self, i: int) -> int:
        """P1Y6M, PT36H: in the unit of its last part."""
        total, figure, in_time, unit = Decimal(0), "", False, ""
        for sign in self.tokens.words[i][1:]:
            if sign.isdigit():
                figure += sign
            elif sign == "T":
                in_time = True
            else:
                unit = "minute" if sign == "M" and in_time else _ISO_UNITS[sign]
                total, figure = total + Decimal(figure) * worth(unit)[0], ""
        self._add(i, i + 1, "duration", total / worth(unit)[0], unit)
        return i + 1

    # What stands behind a number.

    def _measured(self, i: int, value: Decimal, after: int) -> int:
        tokens = self.tokens
        upper: Decimal | None = None
        unit = self._unit(after)
        joint = after if tokens.lower(after) in _RANGE else 0
        if joint and (second := self._upper(joint, value, has_unit=unit is not None)):
            upper, after = second
            unit = self._unit(after)
        elif unit and tokens.lower(unit.after) in _RANGE and (second := self._upper(unit.after, value, has_unit=True)):
            unit_behind = self._unit(second[1])
            if unit_behind and unit_behind.name == unit.name:
                upper, unit = second[0], unit_behind
        if unit is None:
            of = tokens.lower(after) if tokens.kind(after) == "word" and tokens.close(after) else ""
            self._add(i, after, "number", value, "", upper=upper, of=of)
            return after
        upper = upper * unit.scale if upper is not None else None
        self._add(i, unit.after, unit.kind, value * unit.scale, unit.name, upper=upper)
        return unit.after

    def _upper(self, joint: int, low: Decimal, *, has_unit: bool) -> tuple[Decimal, int] | None:
        tokens = self.tokens
        if tokens.lower(joint) == "and" and tokens.lower(joint - 2) != "between":
            return None
        dashed = tokens.words[joint] in "-–—"
        if dashed and not tokens.touches(joint) and tokens.touches(joint + 1):
            return None
        second = spelled.number_at(tokens, joint + 1)
        if (
            second is None
            or second[0] <= low
            or (tokens.kind(joint + 1) == "figure" and money.opens(tokens, joint + 1))
        ):
            return None
        return second

    def _unit(self, i: int) -> _Unit | None:
        """The unit that begins at token `i`, which may be tied to the number by a hyphen."""
        tokens = self.tokens
        tied = tokens.word(i) == "-" and tokens.touches(i) and tokens.touches(i + 1)
        touching = tokens.touches(i)
        j = i + 1 if tied else i
        if not tied and not tokens.close(i):
            return None
        word = tokens.lower(j)
        if word == "%" or word in ("percent", "percentage", "pct"):
            if word == "percentage" and tokens.lower(j + 1) in ("point", "points"):
                return _Unit("percent", "percentage point", j + 2)
            return _Unit("percent", "%", j + 1) if word != "percentage" else None
        if word == "per" and tokens.lower(j + 1) == "cent":
            return _Unit("percent", "%", j + 2)
        if word == "basis" and tokens.lower(j + 1) in ("point", "points"):
            return _Unit("percent", "%", j + 2, Decimal("0.01"))
        if word == "°":
            named = {"c": "celsius", "f": "fahrenheit"}.get(tokens.lower(j + 1), "degree")
            return _Unit("measure", named, j + (1 if named == "degree" else 2))
        if word in _BUSINESS or word in _BETWEEN_UNIT:
            skip = 2 if tokens.word(j + 1) == "-" else 1
            if unit_named(tokens.word(j + skip)) == "day" and word in _BUSINESS:
                return _Unit("duration", "business day", j + skip + 1)
            unit = unit_named(tokens.word(j + skip)) if word in _BETWEEN_UNIT else None
            return self._named(unit, j + skip + 1)
        if word in _AREA:
            unit = unit_named(tokens.word(j + 1))
            return self._named(f"{unit} ** {_AREA[word]}", j + 2) if unit else None
        return self._named(unit_named(tokens.word(j), touching=touching), j + 1)

    @staticmethod
    def _named(unit: str | None, after: int) -> _Unit | None:
        if unit is None:
            return None
        return _Unit("duration" if worth(unit)[1] == TIME else "measure", unit, after)

    # Writing down.

    def _money(self, i: int, read: money.Sum) -> int:
        self._add(read.first, read.after, "money", read.amount, read.currency, dimension="money " + read.currency,
                  upper=read.upper)  # fmt: skip
        return read.after

    def _name(self, i: int, after: int, kind: NominalKind) -> int:
        start, end = self.tokens.starts[i], self.tokens.ends[after - 1]
        self.nominals.append(Nominal(start=start, end=end, text=self.tokens.text[start:end], kind=kind))
        if kind == "section":
            self.reference_end = after - 1
        return after

    def _add(
        self,
        first: int,
        after: int,
        kind: Kind,
        value: Decimal | date,
        unit: str,
        *,
        dimension: str | None = None,
        upper: Decimal | None = None,
        of: str = "",
        comparator: Comparator | None = None,
        is_date: bool = False,
    ) -> None:
        factor = Decimal(1)
        if dimension is None:
            factor, dimension = self._worth(kind, unit)
        start, end = self.tokens.starts[first], self.tokens.ends[after - 1]
        bound = bound_of(self.tokens, first, after, is_date=is_date) if comparator is None else comparator
        base = value if isinstance(value, date) else value * factor
        self.quantities.append(
            Quantity(
                start=start,
                end=end,
                text=self.tokens.text[start:end],
                kind=kind,
                magnitude=value,
                unit=unit,
                dimension=dimension,
                base=base,
                upper=upper,
                base_upper=None if upper is None else upper * factor,
                comparator=bound,
                of=of,
            )
        )

    @staticmethod
    def _worth(kind: Kind, unit: str) -> tuple[Decimal, str]:
        if kind == "number":
            return Decimal(1), "count"
        if kind == "percent":
            return Decimal(1), "percent" if unit == "%" else unit
        if unit in ("celsius", "fahrenheit"):
            return Decimal(1), f"[{unit}]"
        return worth(unit)
