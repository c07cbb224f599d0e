"""Which words are units, and what they are worth in the base unit of their dimension (pint); must not read text."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import pint

TIME = "[time]"
BUSINESS_TIME = "[business time]"
INFORMATION = "[information]"

# Spelled-out words, singular; a plural in -s (or -es) is the same unit.
SPELLED = {
    "second": "second", "sec": "second", "minute": "minute", "min": "minute", "hour": "hour", "hr": "hour",
    "day": "day", "week": "week", "wk": "week", "fortnight": "fortnight", "month": "month", "year": "year",
    "yr": "year",
    "decade": "decade", "quarter": "quarter", "millisecond": "millisecond", "microsecond": "microsecond",
    "nanosecond": "nanosecond",
    "bit": "bit", "byte": "byte", "kilobyte": "kilobyte", "megabyte": "megabyte", "gigabyte": "gigabyte",
    "terabyte": "terabyte", "petabyte": "petabyte", "kibibyte": "kibibyte", "mebibyte": "mebibyte",
    "gibibyte": "gibibyte",
    "tebibyte": "tebibyte",
    "metre": "meter", "meter": "meter", "kilometre": "kilometer", "kilometer": "kilometer", "centimetre": "centimeter",
    "centimeter": "centimeter", "millimetre": "millimeter", "millimeter": "millimeter", "mile": "mile", "foot": "foot",
    "feet": "foot", "inch": "inch", "yard": "yard",
    "gram": "gram", "gramme": "gram", "kilogram": "kilogram", "kilo": "kilogram", "tonne": "metric_ton", "ton": "ton",
    "pound-mass": "pound", "lb": "pound", "ounce": "ounce", "oz": "ounce", "milligram": "milligram",
    "litre": "liter", "liter": "liter", "millilitre": "milliliter", "milliliter": "milliliter", "gallon": "gallon",
    "acre": "acre", "hectare": "hectare",
    "watt": "watt", "kilowatt": "kilowatt", "megawatt": "megawatt", "kilowatt-hour": "kilowatt_hour", "volt": "volt",
    "hertz": "hertz", "megahertz": "megahertz", "gigahertz": "gigahertz", "degree": "degree", "pixel": "pixel",
}  # fmt: skip

# Written exactly so, mostly right behind the digits. Letters that are also words ("in", "a", "m") count only there.
SIGNS = {
    "s": "second", "ms": "millisecond", "h": "hour", "hrs": "hour", "mins": "minute", "secs": "second", "d": "day",
    "w": "week", "y": "year", "yrs": "year", "mo": "month",
    "B": "byte", "KB": "kilobyte", "kB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte",
    "PB": "petabyte", "KiB": "kibibyte", "MiB": "mebibyte", "GiB": "gibibyte", "TiB": "tebibyte", "Mb": "megabit",
    "Gb": "gigabit", "kb": "kilobit",
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "mi": "mile", "ft": "foot", "in": "inch",
    "kg": "kilogram", "g": "gram", "mg": "milligram", "t": "metric_ton", "lbs": "pound",
    "l": "liter", "L": "liter", "ml": "milliliter", "mL": "milliliter", "ha": "hectare",
    "W": "watt", "kW": "kilowatt", "MW": "megawatt", "kWh": "kilowatt_hour", "MWh": "megawatt_hour", "V": "volt",
    "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "px": "pixel",
}  # fmt: skip
_ALWAYS_SIGNS = frozenset(SIGNS) - {
    "s",
    "h",
    "d",
    "w",
    "y",
    "mo",
    "m",
    "in",
    "t",
    "g",
    "l",
    "L",
    "B",
    "W",
    "V",
    "ha",
    "mi",
}

PERIODS = {
    "hourly": "hour", "daily": "day", "nightly": "day", "weekly": "week", "fortnightly": "fortnight",
    "monthly": "month",
    "quarterly": "quarter", "annually": "year", "annual": "year", "yearly": "year", "biannually": "half year",
    "semiannually": "half year", "biennially": "two years",
}  # fmt: skip
# What pint does not know, or knows as something else (its decade is a logarithm).
_COMPOSED = {
    "decade": (10, "year"),
    "quarter": (3, "month"),
    "half year": (6, "month"),
    "two years": (2, "year"),
    "business day": (1, "day"),
}


@cache
def unit_named(word: str, *, touching: bool = False) -> str | None:
    """The unit `word` stands for, or None. `touching` says that it stands right behind the digits (5m, 30-day)."""
    if touching and word in SIGNS:
        return SIGNS[word]
    if word in _ALWAYS_SIGNS:
        return SIGNS[word]
    lowered = word.lower()
    for singular in (lowered, lowered.removesuffix("s"), lowered.removesuffix("es")):
        if singular in SPELLED:
            return SPELLED[singular]
    return None


@cache
def worth(unit: str) -> tuple[Decimal, str]:
    """How much one `unit` is in the base unit of its dimension, and the name of that dimension."""
    if unit == "business day":
        return Decimal(1), BUSINESS_TIME
    count, named = _COMPOSED.get(unit, (1, unit))
    quantity = _registry().Quantity(Decimal(count), named).to_base_units()
    return Decimal(quantity.magnitude).normalize(), _dimension(named, str(quantity.dimensionality))


def _dimension(unit: str, dimensionality: str) -> str:
    """pint counts bits and degrees as plain numbers; to us a byte and an angle cannot be compared."""
    if dimensionality != "dimensionless":
        return dimensionality
    return INFORMATION if unit.endswith(("bit", "byte")) else f"[{unit}]"


@cache
def _registry() -> pint.UnitRegistry[Decimal]:
    return pint.UnitRegistry(non_int_type=Decimal, cache_folder=None)
