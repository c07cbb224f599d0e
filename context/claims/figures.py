"""Says which two bounded figures of one measure shut each other out; must not judge whether they measure the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

Amount = Decimal | date
_SIDES = {"<=": -1, "<": -1, ">=": 1, ">": 1, "": 0}


@dataclass(frozen=True, slots=True)
class Figure:
    """An amount in the base unit, how it is bounded ("<=", "" for exactly …), and the upper end of a range."""

    amount: Amount | None
    comparator: str = ""
    upper: Amount | None = None


def cannot_both_hold(one: Figure, other: Figure) -> bool:
    """Two different limits of one kind cannot: only one is the limit. Two bounds from opposite sides cannot where
    nothing lies between them, and an exact figure cannot lie beyond a bound. About and every are no limits.
    """
    if one.amount is None or other.amount is None or type(one.amount) is not type(other.amount):
        return False
    if one.upper is not None or other.upper is not None:
        both = one.upper is not None and other.upper is not None
        return both and (one.amount, one.upper) != (other.amount, other.upper)
    if one.comparator == other.comparator == "every":
        return one.amount != other.amount
    ours, theirs = _SIDES.get(one.comparator), _SIDES.get(other.comparator)
    if ours is None or theirs is None:
        return False
    if ours == theirs:
        return one.amount != other.amount
    if theirs == 0 or (ours != 0 and ours < theirs):
        one, other = other, one  # the exact figure or the lower bound first
    return _is_beyond(one.amount, other)


def _is_beyond(amount: Amount | None, bound: Figure) -> bool:
    limit = bound.amount
    if amount is None or limit is None:
        return False
    less = amount < limit  # type: ignore[operator]  # both are of one type, or they were not compared
    if bound.comparator in ("<=", "<"):
        return not less and not (amount == limit and bound.comparator == "<=")
    return less or (amount == limit and bound.comparator == ">")
