"""Checks of figures: limits of a risk appetite, and numbers that no given text bears out; must not read rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from agents.output_checks.model import Failing, Known, Output, at, place_below
from context.markdown import plain_text
from context.quantities import Quantity, quantities_in

_WORD = re.compile(r"[a-z0-9]+")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_IDLE = frozenset({"a", "an", "and", "any", "at", "by", "for", "in", "of", "on", "or", "per", "the", "to", "with"})
IN_WORDS = {
    "at_most": "at most",
    "at_least": "at least",
    "below": "below",
    "above": "above",
    "exactly": "exactly",
    "between": "between",
}


def numeric_limits(check: Mapping[str, Any], output: Output, known: Known) -> Iterator[Failing]:
    """Each figure of the output that is beyond a limit of the appetite: at a place, or in any sentence that names it.

    A sentence is about a limit where it has all words of the limit's measure and a figure in its unit.
    """
    key = check["appetite"]
    version = known.in_force.get(key)
    if version is None:
        yield Failing(
            check="numeric_limits",
            detail=f"The risk appetite {key} is not available.",
            if_failed="review",
            key=key,
        )
        return
    limits = [limit for limit in version.data.get("limits", ()) if _keeps(limit) is not None]
    place = check.get("place", "")
    there, value = at(output.value, place) if place else (True, output.value)
    if not there:
        yield Failing(check="numeric_limits", detail="There is nothing at this place.", place=place, key=key)
        return
    for limit in limits:
        for where, figure, written in _figures(value, place, limit, alone=bool(place) and len(limits) == 1):
            keeps = _keeps(limit)
            if keeps is not None and not keeps(figure):
                bound = f"{IN_WORDS[limit['comparator']]} {limit['quantity']} {limit['unit']}"
                yield Failing(
                    check="numeric_limits",
                    detail=f"{written} is beyond the limit of {limit['measure']}: {bound}.",
                    place=where,
                    key=key,
                )


def uncited_numbers(output: Output, known: Known) -> Iterator[Failing]:
    """Each figure of the output's texts that stands neither in a text the agent was given nor in its task."""
    if not output.texts:
        return
    borne_out = {quantity.amount for quantity in quantities_in(json.dumps(output.task, ensure_ascii=False))}
    for version in known.given:
        borne_out |= {quantity.amount for quantity in quantities_in(_told(version.body, version.data))}
    for said in output.texts:
        for quantity in quantities_in(said.text):
            if quantity.kind not in ("ordinal", "time") and quantity.amount not in borne_out:
                yield Failing(
                    check="citations_required",
                    detail=f"No text that was given bears out “{quantity.text}”.",
                    place=said.place,
                )


def _told(body: str, data: Mapping[str, Any]) -> str:
    """A text with its structured data as it would be written out: “at most 250000 EUR”."""
    parts = [plain_text(body)]
    for limit in data.get("limits", ()) if isinstance(data.get("limits"), list) else ():
        parts.append(f"{limit.get('quantity')} {limit.get('unit')}")
    parts.append(json.dumps(data, ensure_ascii=False))
    return "\n".join(parts)


def _figures(value: Any, place: str, limit: Mapping[str, Any], *, alone: bool) -> Iterator[tuple[str, Decimal, str]]:
    """Place, magnitude in the limit's unit, and how it is written, of each figure that the limit is about."""
    measure = _words(limit["measure"])
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        if alone or measure <= _words(place):
            yield place, Decimal(str(value)), f"{value}"
    elif isinstance(value, str):
        for sentence in _SENTENCE.split(value):
            about = alone or measure <= _words(sentence) | _words(place)
            for quantity in quantities_in(sentence) if about else ():
                figure = _in_unit(quantity, limit["unit"])
                if figure is not None:
                    yield place, figure, quantity.text
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _figures(part, place_below(place, name), limit, alone=alone)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _figures(part, place_below(place, number), limit, alone=alone)


def _in_unit(quantity: Quantity, unit: str) -> Decimal | None:
    """The magnitude in `unit`, None where the two measure different things."""
    stated = quantities_in(f"1 {unit}")
    one = stated[0] if len(stated) == 1 else None
    if one is None or isinstance(quantity.base, date) or isinstance(one.base, date):
        return None
    if quantity.dimension == one.dimension and one.base:
        return quantity.base / one.base
    return None


def _keeps(limit: Mapping[str, Any]) -> Any:
    """Whether a figure keeps the limit, as a function; None for a limit that cannot be read."""
    try:
        bound = Decimal(str(limit["quantity"]))
    except (KeyError, InvalidOperation):
        return None
    match limit.get("comparator"):
        case "at_most":
            return lambda figure: figure <= bound
        case "at_least":
            return lambda figure: figure >= bound
        case "below":
            return lambda figure: figure < bound
        case "above":
            return lambda figure: figure > bound
        case "exactly":
            return lambda figure: figure == bound
    return None


def _words(text: str) -> frozenset[str]:
    return frozenset(word.rstrip("s") for word in _WORD.findall(text.casefold())) - _IDLE
