"""Reads the quantities a text names, with their exact places: numbers, amounts, durations, dates; must not judge them.

One linear pass without a model. It reads English, figures of both conventions, and leaves alone what only looks like a
quantity: versions, sections, list numbers, phone numbers, years in names.
"""

from __future__ import annotations

from context.quantities.model import Comparator, Kind, Nominal, Numerals, Quantity
from context.quantities.reader import numerals_in, quantities_in

__all__ = ["Comparator", "Kind", "Nominal", "Numerals", "Quantity", "numerals_in", "quantities_in"]
