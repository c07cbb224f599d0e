"""The closed set of operators of the decision table: what each takes, says in words, and tests; must not know rules.

That the set is closed is what lets overlap, gap and reachability be proved (agents/routing/boxes.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agents.routing.facts import Fact, FactType, Value

Takes = Literal["nothing", "one", "two", "many"]
Test = Callable[[Any], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """`types` of facts that it is for, how many values it takes, and how it reads."""

    name: str
    types: tuple[FactType, ...]
    takes: Takes
    words: str
    make: Callable[[Any], Test]


def _any_of(wanted: tuple[str, ...]) -> Test:
    asked = frozenset(wanted)
    return lambda value: value is not None and not asked.isdisjoint(value)


def _all_of(wanted: tuple[str, ...]) -> Test:
    asked = frozenset(wanted)
    return lambda value: value is not None and asked.issubset(value)


def _none_of(wanted: tuple[str, ...]) -> Test:
    asked = frozenset(wanted)
    return lambda value: value is not None and asked.isdisjoint(value)


def _is(wanted: Value) -> Test:
    # A look-up in a set of one is answered without a call of Python's, and is false for None.
    return frozenset((wanted,)).__contains__


def _in(wanted: tuple[str, ...]) -> Test:
    return frozenset(wanted).__contains__


def _not_in(wanted: tuple[str, ...]) -> Test:
    asked = frozenset(wanted)
    return lambda value: value is not None and value not in asked


_NUMBERS: tuple[FactType, ...] = ("number", "integer")
_ALL: tuple[FactType, ...] = ("text", "number", "integer", "truth", "set")

OPERATORS: Mapping[str, Operator] = {
    each.name: each
    for each in (
        Operator(name="is", types=("text", "truth"), takes="one", words="is", make=_is),
        Operator(name="is not", types=("text",), takes="one", words="is not", make=lambda v: _not_in((v,))),
        Operator(name="in", types=("text",), takes="many", words="is one of", make=_in),
        Operator(name="not in", types=("text",), takes="many", words="is none of", make=_not_in),
        Operator(name="=", types=_NUMBERS, takes="one", words="is", make=lambda v: lambda x: x is not None and x == v),
        Operator(
            name="!=", types=_NUMBERS, takes="one", words="is not", make=lambda v: lambda x: x is not None and x != v
        ),
        Operator(
            name="<", types=_NUMBERS, takes="one", words="is below", make=lambda v: lambda x: x is not None and x < v
        ),
        Operator(
            name="<=",
            types=_NUMBERS,
            takes="one",
            words="is at most",
            make=lambda v: lambda x: x is not None and x <= v,
        ),
        Operator(
            name=">", types=_NUMBERS, takes="one", words="is above", make=lambda v: lambda x: x is not None and x > v
        ),
        Operator(
            name=">=",
            types=_NUMBERS,
            takes="one",
            words="is at least",
            make=lambda v: lambda x: x is not None and x >= v,
        ),
        Operator(
            name="between",
            types=_NUMBERS,
            takes="two",
            words="is between",
            make=lambda v: lambda x: x is not None and v[0] <= x <= v[1],
        ),
        Operator(name="has any of", types=("set",), takes="many", words="has any of", make=_any_of),
        Operator(name="has all of", types=("set",), takes="many", words="has all of", make=_all_of),
        Operator(name="has none of", types=("set",), takes="many", words="has none of", make=_none_of),
        Operator(
            name="is empty",
            types=("set",),
            takes="nothing",
            words="is empty",
            make=lambda v: lambda x: x is not None and not x,
        ),
        Operator(name="is not empty", types=("set",), takes="nothing", words="is not empty", make=lambda v: bool),
        Operator(
            name="is given", types=_ALL, takes="nothing", words="is given", make=lambda v: lambda x: x is not None
        ),
        Operator(name="is absent", types=_ALL, takes="nothing", words="is absent", make=lambda v: lambda x: x is None),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One cell of the table: a fact, an operator and its value (a tuple where it takes many)."""

    fact: Fact
    operator: Operator
    value: Any

    def test(self) -> Test:
        """A function of the fact's value, None where it is absent. An absent fact meets `is absent` alone."""
        return self.operator.make(self.value)

    def words(self) -> str:
        """Such as `the task's type is one of a, b`."""
        return f"{self.fact.label} {self._wanted()}"

    def why_not(self, value: Value | None) -> str:
        """Why this value does not meet it."""
        if value is None:
            return f"{self.fact.label} is not given; the rule asks that it {self._wanted()}"
        return f"{self.fact.label} is {said(value) or 'empty'}; the rule asks that it {self._wanted()}"

    def _wanted(self) -> str:
        if self.operator.takes == "nothing":
            return self.operator.words
        if self.operator.takes == "two":
            return f"{self.operator.words} {said(self.value[0])} and {said(self.value[1])}"
        return f"{self.operator.words} {said(self.value)}"

    def as_json(self) -> dict[str, Any]:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        stated = {"fact": self.fact.name, "op": self.operator.name}
        return stated if self.operator.takes == "nothing" else {**stated, "value": value}


def said(value: Any) -> str:
    """A value in words; at most a few of many."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:,.10g}".removesuffix(".0") if abs(value) < 1e15 else repr(value)
        case int():
            return f"{value:,}"
        case tuple() | list():
            shown = ", ".join(said(each) for each in value[:6])
            return shown + (f" and {len(value) - 6} more" if len(value) > 6 else "")
        case _:
            return str(value)[:200]
