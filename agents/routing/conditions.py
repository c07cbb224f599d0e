"""The CEL column: conditions that the closed operators cannot say, typed when saved and bounded when evaluated.

CEL has no loops, side effects or input; its runtime stops at an iteration budget and a recursion limit. What cannot be
evaluated (a missing fact, a division by zero, the budget) is an ERROR, and an error refuses: it is never false or true.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

from agents.routing.facts import Fact, FactType, Value
from context.errors import InvalidInput

LONGEST_EXPRESSION = 2_000
LONGEST_PATTERN = 200

_TYPES: Mapping[FactType, Any] = {
    "text": cel.Type.STRING,
    "number": cel.Type.DOUBLE,
    "integer": cel.Type.INT,
    "truth": cel.Type.BOOL,
    "set": cel.Type.List(cel.Type.STRING),
}
_PATTERN = cel.NewEnv(variables={"text": cel.Type.STRING, "pattern": cel.Type.STRING}).compile("text.matches(pattern)")


class ExpressionInvalid(InvalidInput):
    """A CEL expression does not parse, does not type-check, or is not a condition."""

    type = "expression-invalid"
    title = "The condition is not valid CEL"


class EvaluationFailed(Exception):
    """The condition has no value for these facts. Its text says why, in CEL's words."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled condition: `text` as it was written, `wants` the facts that it names."""

    text: str
    wants: tuple[Fact, ...] = ()
    compiled: Any = field(default=None, compare=False, repr=False)

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether it is true of these facts. Raises EvaluationFailed where CEL gives no truth value."""
        data = {fact.name: _given(fact, values[fact.name]) for fact in self.wants if fact.name in values}
        try:
            found = self.compiled.eval(data=data)
        except RuntimeError as error:
            raise EvaluationFailed(_first_line(str(error))) from error
        if found.type() == cel.Type.BOOL:
            return bool(found.value())
        raise EvaluationFailed(_first_line(str(found.value())))


def compile_expression(text: str, vocabulary: Mapping[str, Fact], *, place: str) -> Expression:
    """Check and compile; the facts about single agents are not for the expression, which is asked once a rule."""
    if len(text) > LONGEST_EXPRESSION:
        raise ExpressionInvalid(
            "The condition is too long.", field=place, limit=LONGEST_EXPRESSION, fix="Split it over several rules."
        )
    known = tuple((fact.name, fact.type) for fact in vocabulary.values() if not fact.per_agent)
    try:
        compiled = _environment(known).compile(text)
    except (RuntimeError, UnicodeEncodeError) as error:
        raise ExpressionInvalid(_first_line(str(error)), field=place, fix="Correct the expression.") from error
    if compiled.return_type() != cel.Type.BOOL:
        raise ExpressionInvalid(
            f"It gives a value of type {compiled.return_type().name()}, not true or false.",
            field=place,
            fix="Compare that value with something.",
        )
    wants = tuple(fact for fact in vocabulary.values() if not fact.per_agent and fact.name in text)
    return Expression(text, wants, compiled)


def matches(text: str, pattern: str) -> bool:
    """Whether the pattern (RE2 syntax, time linear in the text) is found in the text."""
    found = _PATTERN.eval(data={"text": text, "pattern": pattern})
    if found.type() != cel.Type.BOOL:
        raise EvaluationFailed(_first_line(str(found.value())))
    return bool(found.value())


def check_pattern(pattern: str, *, place: str) -> None:
    """Refuse what is not a pattern of RE2's."""
    if not pattern or len(pattern) > LONGEST_PATTERN:
        raise InvalidInput(
            "A pattern is empty or too long.", field=place, limit=LONGEST_PATTERN, fix="Write a short pattern."
        )
    try:
        matches("", pattern)
    except (EvaluationFailed, UnicodeEncodeError) as error:
        raise InvalidInput(
            f"Not a pattern: {error}"[:300], field=place, fix="Write RE2 syntax: no look-ahead and no references."
        ) from error


@lru_cache(maxsize=64)
def _environment(known: tuple[tuple[str, FactType], ...]) -> Any:
    return cel.NewEnv(variables={name: _TYPES[kind] for name, kind in known})


def _given(fact: Fact, value: Value) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return float(value) if fact.type == "number" and not isinstance(value, bool) else value


def _first_line(message: str) -> str:
    line = message.splitlines()[0] if message else "no value"
    for noise in ("INVALID_ARGUMENT: ", "UNKNOWN: ", "INTERNAL: ", "NOT_FOUND: ", "CANCELLED: ", "ERROR: <input>:"):
        line = line.replace(noise, "")
    return line.replace(" (in container '')", "")[:300]
