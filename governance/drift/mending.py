"""Makes of a text what a detector proposes, for a draft that people complete; must not save or judge it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

_NUMBER = re.compile(r"\d[\d,. \u00a0]*\d|\d")


def mended(proposal: Mapping[str, Any], base: Mapping[str, Any], payload: Mapping[str, Any]) -> dict[str, Any]:
    """`payload` with what the proposal (drafts.Proposal as JSON) changes in `base`; no field that stays as it is."""
    found = dict(payload)
    body, data, claims = base["body"], base["data"] or {}, base["claims"] or []
    for old, new in proposal.get("replacements") or []:
        body = body.replace(old, new)
    figures = [(str(old), str(new)) for old, new in proposal.get("figures") or []]
    data = {**_exchanged(data, figures), **(proposal.get("data") or {})}
    claims = [_claim(claim, figures) for claim in claims]
    for name, value in (("body", body), ("data", data), ("claims", claims)):
        if value != (base[name] or type(value)()):
            found[name] = value
    return {**found, **(proposal.get("fields") or {})}


def _exchanged(value: Any, figures: Sequence[tuple[str, str]]) -> Any:
    """The same structure, with each figure exchanged in its texts, where it stands as a whole."""
    if isinstance(value, str):
        for old, new in figures:
            value = new.join(re.split(rf"(?<![\w.,]){re.escape(old)}(?!\w)", value))
        return value
    if isinstance(value, Mapping):
        return {name: _exchanged(each, figures) for name, each in value.items()}
    if isinstance(value, list):
        return [_exchanged(each, figures) for each in value]
    return value


def _claim(claim: Any, figures: Sequence[tuple[str, str]]) -> Any:
    """The claim with its quantity exchanged, where a figure of that number and unit is."""
    if not isinstance(claim, Mapping) or not isinstance(claim.get("quantity"), int | float):
        return claim
    for old, new in figures:
        before, after = _number(old), _number(new)
        unit = _NUMBER.sub("", old).strip().casefold()
        of_it = unit in str(claim.get("unit", "")).casefold()
        if before is not None and after is not None and of_it and Decimal(str(claim["quantity"])) == before:
            whole = after == after.to_integral_value()
            return {**claim, "quantity": int(after) if whole else float(after)}
    return claim


def _number(text: str) -> Decimal | None:
    found = _NUMBER.search(text)
    if found is None:
        return None
    try:
        return Decimal(found[0].replace(",", "").replace(" ", "").replace("\u00a0", ""))
    except InvalidOperation:
        return None
