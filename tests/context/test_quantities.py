"""What counts as a quantity, what it is worth, and that no text makes reading it slow."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.quantities import Quantity, numerals_in, quantities_in
from context.quantities.units import PERIODS, SIGNS, SPELLED, worth
from context.wordlists import words


def only(text: str) -> Quantity:
    (quantity,) = quantities_in(text)
    assert text[quantity.start : quantity.end] == quantity.text
    return quantity


@pytest.mark.parametrize(
    ("text", "kind", "magnitude", "unit", "comparator"),
    [
        ("1.5 million users", "number", Decimal(1500000), "", ""),
        ("one half of the staff", "number", Decimal("0.5"), "", ""),
        ("more than 10 (ten) employees", "number", Decimal(10), "", ">"),
        ("at least one approver", "number", Decimal(1), "", ">="),
        ("the second reviewer", "ordinal", Decimal(2), "", ""),
        ("its 21st birthday", "ordinal", Decimal(21), "", ""),
        ("10%", "percent", Decimal(10), "%", ""),
        ("ten per cent", "percent", Decimal(10), "%", ""),
        ("50 basis points", "percent", Decimal("0.5"), "%", ""),
        ("must not exceed $5,000", "money", Decimal(5000), "USD", "<="),
        ("EUR 1.000,50", "money", Decimal("1000.5"), "EUR", ""),
        ("5.000 €", "money", Decimal(5000), "EUR", ""),
        ("£2.5m", "money", Decimal(2500000), "GBP", ""),
        ("one hundred and twenty-five thousand dollars", "money", Decimal(125000), "USD", ""),
        ("within thirty (30) calendar days", "duration", Decimal(30), "day", "<="),
        ("no more than 24 months", "duration", Decimal(24), "month", "<="),
        ("at least 5 business days", "duration", Decimal(5), "business day", ">="),
        ("18 years or older", "duration", Decimal(18), "year", ">="),
        ("a week", "duration", Decimal(1), "week", ""),
        ("half an hour", "duration", Decimal("0.5"), "hour", ""),
        ("P1Y6M", "duration", Decimal(18), "month", ""),
        ("annually", "duration", Decimal(1), "year", "every"),
        ("every 90 days", "duration", Decimal(90), "day", "every"),
        ("1 May 2024", "date", date(2024, 5, 1), "day", ""),
        ("May 1st, 2024", "date", date(2024, 5, 1), "day", ""),
        ("31.12.2024", "date", date(2024, 12, 31), "day", ""),
        ("12/31/2024", "date", date(2024, 12, 31), "day", ""),
        ("2024-05-01T10:00:00Z", "date", date(2024, 5, 1), "day", ""),
        ("by March 31", "date", date(4, 3, 31), "day of year", "<="),
        ("since 2019", "date", date(2019, 1, 1), "year", ">="),
        ("9:30 p.m.", "time", Decimal(21 * 60 + 30), "minute of day", ""),
        ("up to 100 MB", "measure", Decimal(100), "megabyte", "<="),
        ("16GB", "measure", Decimal(16), "gigabyte", ""),
    ],
)
def test_quantities__one_quantity__is_read(
    text: str, kind: str, magnitude: Decimal | date, unit: str, comparator: str
) -> None:
    quantity = only(text)
    assert (quantity.kind, quantity.magnitude, quantity.unit, quantity.comparator) == (
        kind,
        magnitude,
        unit,
        comparator,
    )


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("3-5 days", 3, 5), ("between 3 and 5 days", 3, 5), ("20 to 30 people", 20, 30), ("$10–$20", 10, 20)],
)
def test_quantities__a_range__is_one_quantity(text: str, low: int, high: int) -> None:
    quantity = only(text)
    assert (quantity.magnitude, quantity.upper) == (low, high)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("30 days", "thirty (30) calendar days"),
        ("4 weeks", "28 days"),
        ("1 year", "twelve months"),
        ("24 hours", "one day"),
        ("annually", "every 12 months"),
        ("1 GB", "1,000 MB"),
        ("1.5 million dollars", "$1,500,000"),
        ("1'000 CHF", "CHF 1.000"),
        ("May 1, 2024", "2024-05-01"),
        ("one fifth", "0.2"),
    ],
)
def test_quantities__the_same_said_differently__is_equal(one: str, other: str) -> None:
    assert only(one).amount == only(other).amount


@pytest.mark.parametrize(
    ("one", "other"),
    [("30 days", "30 business days"), ("30 days", "1 month"), ("$30", "€30"), ("30 %", "30"), ("1 GB", "1 GiB")],
)
def test_quantities__what_differs__is_not_equal(one: str, other: str) -> None:
    assert only(one).amount != only(other).amount


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Section 3.2", ["section"]),
        ("sections 3, 4 and 5", ["section"] * 3),
        ("version 1.2", ["version"]),
        ("release v2.0.1", ["identifier"]),
        ("TLS 1.2", ["identifier"]),
        ("ISO 27001:2013", ["identifier"] * 2),
        ("NIST SP 800-53", ["identifier"] * 2),
        ("AC-2", ["identifier"]),
        ("call +1 (202) 555-0100", ["phone"]),
        ("202-555-0100", ["phone"]),
        ("3. Leave policy", ["enumerator"]),
        ("## 3.2 Leave policy", ["enumerator"]),
        ("the Data Protection Act 2018", ["year"]),
        ("see https://example.org/2024/30-days", []),
    ],
)
def test_quantities__digits_that_only_name__are_no_quantities(text: str, kinds: list[str]) -> None:
    found = numerals_in(text)
    assert found.quantities == ()
    assert [nominal.kind for nominal in found.nominals] == kinds


def test_quantities__every_word_we_take_for_a_unit__has_a_worth() -> None:
    for unit in {*SPELLED.values(), *SIGNS.values(), *PERIODS.values(), "business day", "meter ** 2"}:
        factor, dimension = worth(unit)
        assert factor > 0
        assert dimension


PIECES = st.sampled_from(
    [
        *words(
            "30 thirty ( ) days business $ € 1.000,50 , . - – / : % per a half hundred and million may May 1st of P1Y"
        ),
        *words("§ section v2 + 555-0100 0 999999999999999999999999999999999 ٣ ² twenty"),
        *("\u00a0", "\n", "\ud800", "\x00"),
    ]
)


@settings(deadline=None)  # the first example reads the table of units
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map(" ".join), st.lists(PIECES).map("".join)))
def test_quantities__any_text__places_are_exact_and_in_order(text: str) -> None:
    found = numerals_in(text)
    for each in (*found.quantities, *found.nominals):
        assert text[each.start : each.end] == each.text
        assert each.text
    assert all(a.end <= b.start for a, b in zip(found.quantities, found.quantities[1:], strict=False))


@pytest.mark.parametrize(
    "piece",
    ["1", "1,", "1.", "1-", "(", "a ", "P1", "one ", "hundred ", "one hundred and ", "30 days ", "$", "http", "-", " ",
     "\n", "1 2 ", "555-", "section 1, ", "'a", "1:", "of the ", "1/", "May 1 ", "thirty ("],
)  # fmt: skip
def test_quantities__a_huge_hostile_text__takes_linear_time(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        started = time.process_time()
        quantities_in(text)
        return time.process_time() - started

    short, long = seconds(5_000), seconds(40_000)
    assert long < 0.25 + 20 * short, f"8 times the text took {long / max(short, 1e-9):.0f} times as long"
