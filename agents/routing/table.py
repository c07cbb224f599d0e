"""Reads a rule set's JSON into a typed table, naming every fault at its place; must not decide or query.

The shape (all of it optional but `name`, `domain` and `task_types`):

    {"name", "purpose", "domain", "owner", "classifier",
     "task_types": [{"name", "label", "contract", "clues": [{"words", "every"} | {"pattern"} | {"field", "equals"}]}],
     "fields": [{"name", "type", "label", "path"}],
     "rules": [{"name", "when": [{"fact", "op", "value"}], "condition": "CEL", "then": OUTCOME}],
     "otherwise": OUTCOME}

    OUTCOME is {"do": "agent", "targets": [{"agent", "contract", "weight"}], "balance": "order" | "weights",
                "incomplete": {"do": "refuse"} | {"do": "narrower", "targets"} | {"do": "person", "to"}
                            | {"do": "wait", "hours", "then", "to"}, "nobody": "refuse" | "next" | "person", "to"}
            or {"do": "human", "to", "why"} or {"do": "refuse", "why"}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agents.problems import Problem, ProblemsFound
from agents.routing.conditions import Expression, compile_expression
from agents.routing.definitions import Rule, Table, TaskField, TaskType
from agents.routing.facts import LONGEST_TEXT, Fact, vocabulary
from agents.routing.operators import OPERATORS, Condition
from agents.routing.reading import Reader
from agents.routing.reading_outcomes import read_clues, read_outcome
from context.errors import DomainError
from context.models.domains import SLUG_PATTERN

MOST_RULES = 500
MOST_CONDITIONS = 20
MOST_TASK_TYPES = 100
MOST_FIELDS = 50
MOST_VALUES = 50
FIELD_NAME = r"^[a-z][a-z0-9_]{0,39}$"
DEFAULT_OTHERWISE: Mapping[str, Any] = {"do": "refuse", "why": "No rule is for this task."}
FIELD_TYPES = ("text", "number", "integer", "truth", "set")


class RuleSetInvalid(ProblemsFound):
    """A rule set has faults."""

    type = "rule-set-invalid"
    title = "The rule set cannot be used"


def read_table(
    payload: Mapping[str, Any], *, slug: str = "", number: int = 0, digest: str = ""
) -> tuple[Table | None, list[Problem]]:
    """The typed table, or None where anything is at fault, and every fault found."""
    reader = Reader()
    task_types = _task_types(reader, payload.get("task_types"))
    fields = _fields(reader, payload.get("fields"))
    known = vocabulary(
        task_types=[each.name for each in task_types],
        fields={each.name: (each.type, each.label) for each in fields},
    )
    rules = _rules(reader, payload.get("rules"), known)
    otherwise = read_outcome(reader, payload.get("otherwise") or DEFAULT_OTHERWISE, place="otherwise", last=True)
    classifier = reader.text(payload.get("classifier", ""), place="classifier", longest=40)
    for place, each in enumerate(task_types):
        for number_of_clue, clue in enumerate(each.clues):
            if clue.field and f"field.{clue.field}" not in known:
                reader.fault(
                    f"task_types.{place}.clues.{number_of_clue}.field",
                    "unknown-fact",
                    f"The rule set declares no field “{clue.field}”.",
                    "Declare the field, or correct its name.",
                )
    if reader.problems or otherwise is None:
        return None, reader.problems
    return (
        Table(
            slug=slug,
            number=number,
            digest=digest,
            task_types=tuple(task_types),
            fields=tuple(fields),
            rules=tuple(rules),
            otherwise=otherwise,
            otherwise_is_stated=bool(payload.get("otherwise")),
            classifier=classifier,
            vocabulary=known,
        ),
        [],
    )


def table_of(payload: Mapping[str, Any], *, slug: str, number: int, digest: str) -> Table:
    """The typed table. Raises RuleSetInvalid with every fault."""
    table, problems = read_table(payload, slug=slug, number=number, digest=digest)
    if table is None:
        raise RuleSetInvalid.of(problems)
    return table


def _task_types(reader: Reader, stated: Any) -> list[TaskType]:
    found: list[TaskType] = []
    for place, each in reader.objects(stated, place="task_types", most=MOST_TASK_TYPES, least=1):
        name = reader.matching(each.get("name"), place=f"{place}.name", pattern=SLUG_PATTERN, longest=60)
        contract = reader.matching(each.get("contract"), place=f"{place}.contract", pattern=SLUG_PATTERN, longest=60)
        reader.only(each, ("name", "label", "contract", "clues"), place=place)
        if any(name == other.name for other in found):
            reader.fault(f"{place}.name", "double", f"“{name}” is there twice.", "Give each task type one entry.")
        found.append(
            TaskType(
                name=name,
                label=reader.text(each.get("label", ""), place=f"{place}.label", longest=120) or name,
                contract=contract,
                clues=read_clues(reader, each.get("clues"), place=f"{place}.clues"),
            )
        )
    return found


def _fields(reader: Reader, stated: Any) -> list[TaskField]:
    found: list[TaskField] = []
    for place, each in reader.objects(stated, place="fields", most=MOST_FIELDS):
        name = reader.matching(each.get("name"), place=f"{place}.name", pattern=FIELD_NAME, longest=40)
        path = reader.text(each.get("path", "") or name, place=f"{place}.path", longest=200)
        reader.only(each, ("name", "type", "label", "path"), place=place)
        if any(name == other.name for other in found):
            reader.fault(f"{place}.name", "double", f"“{name}” is there twice.", "Declare each field once.")
        found.append(
            TaskField(
                name=name,
                type=reader.one_of(each.get("type"), FIELD_TYPES, place=f"{place}.type"),
                label=reader.text(each.get("label", ""), place=f"{place}.label", longest=120) or name.replace("_", " "),
                path=tuple(path.split(".")),
            )
        )
    return found


def _rules(reader: Reader, stated: Any, known: Mapping[str, Fact]) -> list[Rule]:
    found: list[Rule] = []
    for place, each in reader.objects(stated, place="rules", most=MOST_RULES):
        reader.only(each, ("name", "when", "condition", "then"), place=place)
        name = reader.text(each.get("name", ""), place=f"{place}.name", longest=120) or f"Rule {len(found) + 1}"
        if any(name == other.name for other in found):
            reader.fault(f"{place}.name", "double", f"Two rules are called “{name}”.", "Give each its own name.")
        conditions = [
            condition
            for at, cell in reader.objects(each.get("when"), place=f"{place}.when", most=MOST_CONDITIONS)
            if (condition := _condition(reader, cell, known, place=at)) is not None
        ]
        outcome = read_outcome(reader, each.get("then"), place=f"{place}.then")
        about_agents = tuple(condition for condition in conditions if condition.fact.per_agent)
        if about_agents and outcome is not None and outcome.do != "agent":
            reader.fault(
                f"{place}.when",
                "type-error",
                f"“{about_agents[0].fact.name}” asks about an agent, but the rule leads to none.",
                "Leave the condition out, or let the rule lead to agents.",
            )
        expression = _expression(reader, each.get("condition"), known, place=f"{place}.condition")
        if outcome is not None:
            found.append(
                Rule(
                    name=name,
                    conditions=tuple(condition for condition in conditions if not condition.fact.per_agent),
                    about_agents=about_agents,
                    expression=expression,
                    outcome=outcome,
                )
            )
    return found


def _expression(reader: Reader, stated: Any, known: Mapping[str, Fact], *, place: str) -> Expression | None:
    text = reader.text(stated or "", place=place, longest=100_000).strip()
    if not text:
        return None
    try:
        return compile_expression(text, known, place=place)
    except DomainError as error:
        code = "unknown-fact" if "undeclared reference" in error.detail else "type-error"
        reader.fault(place, code, error.detail, error.fix or "")
        return None


def _condition(reader: Reader, stated: Mapping[str, Any], known: Mapping[str, Fact], *, place: str) -> Condition | None:
    reader.only(stated, ("fact", "op", "value"), place=place)
    name, op = stated.get("fact"), stated.get("op")
    fact = known.get(name) if isinstance(name, str) else None
    if fact is None:
        reader.fault(
            f"{place}.fact",
            "unknown-fact",
            f"There is no fact {str(name)[:80]!r}.",
            "Declare it as a field of the task, or choose among the facts that there are.",
        )
        return None
    operator = OPERATORS.get(op) if isinstance(op, str) else None
    if operator is None or fact.type not in operator.types:
        fitting = [each.name for each in OPERATORS.values() if fact.type in each.types]
        reader.fault(
            f"{place}.op",
            "type-error",
            f"{fact.label} ({fact.type}) cannot be asked {str(op)[:40]!r}.",
            f"Use one of: {', '.join(fitting)}.",
        )
        return None
    faults = len(reader.problems)
    value = _value(reader, stated.get("value"), fact, operator.takes, place=f"{place}.value")
    return Condition(fact=fact, operator=operator, value=value) if len(reader.problems) == faults else None


def _value(reader: Reader, stated: Any, fact: Fact, takes: str, *, place: str) -> Any:
    if takes == "nothing":
        if stated not in (None, "", []):
            reader.fault(place, "type-error", "This takes no value.", "Leave the value out.")
        return None
    one = _typed(reader, fact, place)
    if takes == "one":
        return one(stated)
    if not isinstance(stated, list) or not 1 <= len(stated) <= MOST_VALUES:
        reader.fault(place, "type-error", "This takes a list of values.", f"Give 1 to {MOST_VALUES} values.")
        return None
    values = tuple(one(each) for each in stated)
    if takes == "two":
        if len(values) != 2 or None in values or values[0] > values[1]:
            reader.fault(place, "type-error", "This takes two numbers, the lower first.", "Give [lowest, highest].")
        return values
    return tuple(sorted({each for each in values if each is not None}))


def _typed(reader: Reader, fact: Fact, place: str) -> Callable[[Any], Any]:
    def check(stated: Any) -> Any:
        fits = {
            "text": isinstance(stated, str) and 0 < len(stated) <= LONGEST_TEXT and "\x00" not in stated,
            "set": isinstance(stated, str) and 0 < len(stated) <= LONGEST_TEXT and "\x00" not in stated,
            "number": isinstance(stated, int | float) and not isinstance(stated, bool) and abs(stated) < 1e15,
            "integer": isinstance(stated, int) and not isinstance(stated, bool) and abs(stated) < 1e15,
            "truth": isinstance(stated, bool),
        }[fact.type]
        if not fits:
            kind = {"text": "text", "set": "text", "number": "a number", "integer": "a whole number"}
            reader.fault(
                place,
                "type-error",
                f"{fact.label} is compared with {kind.get(fact.type, 'true or false')}, not {str(stated)[:60]!r}.",
                "Correct the value.",
            )
            return None
        if fact.values and stated not in fact.values:
            code = "unknown-fact" if fact.name == "task.type" else "type-error"
            reader.fault(
                place,
                code,
                f"{fact.label} is never {str(stated)[:60]!r}.",
                f"Use one of: {', '.join(fact.values)}.",
            )
            return None
        return stated

    return check
