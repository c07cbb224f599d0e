"""Turns claims that an item declares in its data into claims that are compared, and back; must not read prose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from context.claims.claim import Claim
from context.claims.phrases import content_of
from context.claims.reading import read
from context.claims.words import words_of

COMPARATORS = {"at_most": "<=", "at_least": ">=", "below": "<", "above": ">", "exactly": "", "between": "-"}
MOST_DECLARED = 200


def declared_claims(rows: Sequence[Mapping[str, Any]]) -> tuple[Claim, ...]:
    """The claims of `claims.schema.json`, in order. They stand nowhere in the text: their place is empty."""
    return tuple(claim for row in rows[:MOST_DECLARED] if (claim := _declared(row)) is not None)


def place_in(claim: Claim, text: str) -> tuple[int, int, tuple[int, int]] | None:
    """Where a text says what the claim declares: the sentence and the figure in it; None where it does not.

    Of several sentences with the figure, the one that shares most words with the claim.
    """
    best: tuple[int, int, tuple[int, int]] | None = None
    most = 0
    for said in read(text).claims:
        if said.kind != "quantity" or not _same_figure(said, claim):
            continue
        shared = len((claim.subject | claim.scope | claim.measure | claim.role) & said.words)
        if shared > most:
            best, most = (said.start, said.end, said.focus), shared
    return best


def _declared(row: Mapping[str, Any]) -> Claim | None:
    quantity = row.get("quantity")
    try:
        amount = None if quantity is None else Decimal(str(quantity))
    except InvalidOperation:
        return None
    words = {name: _content(str(row.get(name) or "")) for name in ("subject", "measure", "scope", "role")}
    unit = str(row.get("unit") or "")
    return Claim(
        kind="declared",
        start=0,
        end=0,
        focus=(0, 0),
        subject=words["subject"],
        measure=words["measure"],
        dimension=" ".join(word.stem for word in words_of(unit)),
        comparator=COMPARATORS.get(str(row.get("comparator")), ""),
        quantity=amount,
        unit=unit,
        scope=words["scope"],
        role=words["role"],
        words=frozenset().union(*words.values()),
    )


def _content(text: str) -> frozenset[str]:
    return content_of(words_of(text.replace("_", " ")))


def _same_figure(said: Claim, claim: Claim) -> bool:
    """The unit is compared by its first word: "days from inception" are days, "GBP" is GBP."""
    if claim.quantity is None or said.magnitude is None:
        return False
    first = claim.unit.split(maxsplit=1)[0].lower() if claim.unit else ""
    same_unit = not first or first.rstrip("s") == said.unit.lower().rstrip("s")
    return same_unit and said.magnitude == claim.quantity
