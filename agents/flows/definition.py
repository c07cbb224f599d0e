"""What a flow says, read from its JSON into typed parts, every fault named at its place; must not query or start.

The shape (`label`, `agent`, `rule_set`, `after`, budgets, `output` and `triggers` may be left out):

    {"name", "purpose", "domain", "owner", "sensitivity", "input_schema": JSON Schema of what it is started with,
     "steps": [{"name", "label", "task_type", "contract", "agent" | "rule_set", "after": [names of steps],
                "input": [MOVE], "on_failure": FAILURE, "token_budget", "cost_budget", "most_attempts"}],
     "output": [MOVE],
     "triggers": [{"name", "on": "webhook", "input": [MOVE]}
                | {"name", "on": "publication", "match": {"key", "kind", "domain", "tag"}, "input": [MOVE]}]}

    MOVE is {"to": POINTER, "from": "input" | a step | "event", "at": POINTER} or {"to": POINTER, "value": JSON}
    FAILURE is {"do": "stop"} | {"do": "person"} | {"do": "retry", "times", "then": "stop" | "person"}
            or {"do": "other_agent", "agent", "contract", "then": "stop" | "person"}

A step without `agent` is routed by the rule set that declares its task type. Steps that wait for the same ones start
together; a step that waits for several starts once, when all of them are done. It takes values from steps that it waits
for, directly or through others. POINTERs are JSON pointers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from agents.flows.schema_parts import pointer_of
from agents.problems import Problem
from agents.routing.reading import Reader
from context.digests import canonical
from context.models.domains import SLUG_PATTERN

MOST_STEPS = 50
MOST_MOVES = 50
MOST_TRIGGERS = 20
MOST_RETRIES = 5
LARGEST_VALUE = 16_384
RESERVED = ("input", "event", "output")
MATCHED = ("key", "kind", "domain", "tag")
LAST_RESORTS = ("stop", "person")


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """Where one value goes: from a pointer into a source, or from the flow itself. What is not there is left out."""

    to: tuple[str, ...]
    source: str | None
    at: tuple[str, ...] = ()
    value: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """What happens when a run of the step ends without an output that stands."""

    do: Literal["stop", "person", "retry", "other_agent"]
    times: int = 0
    agent: str = ""
    contract: str = ""
    then: Literal["stop", "person"] = "stop"

    @property
    def last(self) -> Literal["stop", "person"]:
        """What is left once nobody else tries it."""
        return self.then if self.do in ("retry", "other_agent") else "person" if self.do == "person" else "stop"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step: an ordinary run under a contract. `agent` is empty where the routing rules choose it."""

    name: str
    label: str
    task_type: str
    contract: str
    agent: str
    rule_set: str
    after: tuple[str, ...]
    input: tuple[Move, ...]
    on_failure: Failure | None
    token_budget: int | None = None
    cost_budget: Decimal | None = None
    most_attempts: int = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Trigger:
    """What starts the flow by itself: a signed post, or a published change of what `match` selects."""

    name: str
    on: Literal["webhook", "publication"]
    input: tuple[Move, ...]
    match: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """A flow as its version says it."""

    input_schema: Any
    steps: tuple[Step, ...]
    output: tuple[Move, ...]
    triggers: tuple[Trigger, ...]

    def step(self, name: str) -> Step:
        return next(each for each in self.steps if each.name == name)

    @property
    def first(self) -> tuple[Step, ...]:
        return tuple(each for each in self.steps if not each.after)

    @property
    def last(self) -> tuple[Step, ...]:
        """The steps that no other waits for."""
        needed = {name for each in self.steps for name in each.after}
        return tuple(each for each in self.steps if each.name not in needed)


def read_definition(payload: Mapping[str, Any]) -> tuple[Definition, list[Problem]]:
    """The flow in its parts, as far as they can be read, and every fault of shape."""
    reader = Reader()
    definition = Definition(
        input_schema=payload.get("input_schema", True),
        steps=tuple(_steps(reader, payload.get("steps"))),
        output=_moves(reader, payload.get("output"), place="output"),
        triggers=tuple(_triggers(reader, payload.get("triggers"))),
    )
    return definition, reader.problems


def definition_of(payload: Mapping[str, Any]) -> Definition:
    """The flow of a published version, which has no fault of shape."""
    return read_definition(payload)[0]


def _steps(reader: Reader, stated: Any) -> list[Step]:
    found: list[Step] = []
    names = (
        *("name", "label", "task_type", "contract", "agent", "rule_set", "after", "input", "on_failure"),
        *("token_budget", "cost_budget", "most_attempts"),
    )
    for place, each in reader.objects(stated, place="steps", most=MOST_STEPS, least=1):
        name = _slug(reader, each, "name", place)
        reader.only(each, names, place=place)
        if name in RESERVED or any(name == other.name for other in found):
            reader.fault(f"{place}.name", "double", f"“{name}” names something else already.", "Choose another name.")
        agent, rule_set = (
            _slug(reader, each, "agent", place, must=False),
            _slug(reader, each, "rule_set", place, must=False),
        )
        if agent and rule_set:
            reader.fault(place, "shape", "A step names an agent, or a rule set that chooses one.", "Leave one out.")
        budget = each.get("token_budget")
        found.append(
            Step(
                name=name,
                label=reader.text(each.get("label", ""), place=f"{place}.label", longest=120) or _spoken(name),
                task_type=_slug(reader, each, "task_type", place),
                contract=_slug(reader, each, "contract", place),
                agent=agent,
                rule_set=rule_set,
                after=_names(reader, each.get("after"), place=f"{place}.after"),
                input=_moves(reader, each.get("input"), place=f"{place}.input"),
                on_failure=_failure(reader, each.get("on_failure"), place=f"{place}.on_failure"),
                token_budget=(
                    None
                    if budget is None
                    else reader.whole(budget, place=f"{place}.token_budget", least=1, most=10**12)
                ),
                cost_budget=_money(reader, each.get("cost_budget"), place=f"{place}.cost_budget"),
                most_attempts=reader.whole(
                    each.get("most_attempts", 3), place=f"{place}.most_attempts", least=1, most=10
                ),
            )
        )
    return found


def _triggers(reader: Reader, stated: Any) -> list[Trigger]:
    found: list[Trigger] = []
    for place, each in reader.objects(stated, place="triggers", most=MOST_TRIGGERS):
        name = _slug(reader, each, "name", place)
        on = reader.one_of(each.get("on"), ("webhook", "publication"), place=f"{place}.on")
        reader.only(each, ("name", "on", "match", "input"), place=place)
        if any(name == other.name for other in found):
            reader.fault(f"{place}.name", "double", f"“{name}” is there twice.", "Give each trigger a name of its own.")
        match = each.get("match", {})
        if not isinstance(match, Mapping):
            reader.fault(f"{place}.match", "shape", "This is an object.", "Write {…}.")
            match = {}
        reader.only(match, MATCHED, place=f"{place}.match")
        selected = {
            part: reader.text(match[part], place=f"{place}.match.{part}", longest=200)
            for part in MATCHED
            if part in match
        }
        if on == "publication" and not any(selected.values()):
            reader.fault(
                f"{place}.match", "shape", "It would start at every publication.", f"Name one of: {', '.join(MATCHED)}."
            )
        if on == "webhook" and selected:
            reader.fault(f"{place}.match", "shape", "A post matches nothing published.", "Leave match out.")
        moves = _moves(reader, each.get("input"), place=f"{place}.input")
        found.append(Trigger(name=name, on=on, input=moves, match=selected))
    return found


def _moves(reader: Reader, stated: Any, *, place: str) -> tuple[Move, ...]:
    found: list[Move] = []
    for at, each in reader.objects(stated, place=place, most=MOST_MOVES):
        reader.only(each, ("to", "from", "at", "value"), place=at)
        to = _pointer(reader, each.get("to", ""), place=f"{at}.to")
        if any(to[: len(other.to)] == other.to or other.to[: len(to)] == to for other in found):
            reader.fault(
                f"{at}.to", "double", "Another value goes to that place, or around it.", "Choose another place."
            )
        if ("value" in each) == ("from" in each):
            reader.fault(at, "shape", "It takes from, or a value, and not both.", "Name a source, or give a value.")
        elif "value" in each:
            if "at" in each or len(canonical(each["value"])) > LARGEST_VALUE:
                reader.fault(f"{at}.value", "shape", "A value is small and lies nowhere else.", "Correct it.")
            found.append(Move(to=to, source=None, value=each["value"]))
        else:
            source = reader.matching(each["from"], place=f"{at}.from", pattern=SLUG_PATTERN, longest=60)
            found.append(Move(to=to, source=source, at=_pointer(reader, each.get("at", ""), place=f"{at}.at")))
    return tuple(found)


def _failure(reader: Reader, stated: Any, *, place: str) -> Failure | None:
    """None where none is stated: that is found by the checks, which say what it leaves open."""
    if stated is None:
        return None
    if not isinstance(stated, Mapping):
        reader.fault(place, "shape", "This is an object.", "Write {…}.")
        return None
    do = reader.one_of(stated.get("do"), ("stop", "person", "retry", "other_agent"), place=f"{place}.do")
    taken = {"retry": ("do", "times", "then"), "other_agent": ("do", "agent", "contract", "then")}.get(do, ("do",))
    reader.only(stated, taken, place=place)
    then = reader.one_of(stated.get("then", "stop"), LAST_RESORTS, place=f"{place}.then")
    if do == "retry":
        times = reader.whole(stated.get("times", 1), place=f"{place}.times", least=1, most=MOST_RETRIES)
        return Failure(do=do, times=times, then=then)
    if do == "other_agent":
        agent = _slug(reader, stated, "agent", place)
        return Failure(do=do, agent=agent, contract=_slug(reader, stated, "contract", place, must=False), then=then)
    return Failure(do=do)


def _slug(reader: Reader, stated: Mapping[str, Any], name: str, place: str, *, must: bool = True) -> str:
    if not must and stated.get(name) in (None, ""):
        return ""
    return reader.matching(stated.get(name), place=f"{place}.{name}", pattern=SLUG_PATTERN, longest=60)


def _names(reader: Reader, stated: Any, *, place: str) -> tuple[str, ...]:
    listed = [] if stated is None else stated
    if not isinstance(listed, Sequence) or isinstance(listed, str) or len(listed) > MOST_STEPS:
        reader.fault(place, "shape", "This is a list of names of steps.", "Correct the list.")
        return ()
    return tuple(
        reader.matching(each, place=f"{place}.{number}", pattern=SLUG_PATTERN, longest=60)
        for number, each in enumerate(listed)
    )


def _pointer(reader: Reader, stated: Any, *, place: str) -> tuple[str, ...]:
    text = reader.text(stated, place=place, longest=400)
    if text and not text.startswith("/"):
        reader.fault(place, "shape", f"“{text[:60]}” is no JSON pointer.", "Write “/field”, or nothing for the whole.")
        return ()
    return pointer_of(text)


def _money(reader: Reader, stated: Any, *, place: str) -> Decimal | None:
    if stated is None:
        return None
    try:
        found = Decimal(str(stated))
    except InvalidOperation:
        found = Decimal(0)
    if not found.is_finite() or not 0 < found < 10**8:
        reader.fault(place, "shape", "This is an amount above 0.", 'Write it as "1.50".')
        return None
    return found


def _spoken(name: str) -> str:
    return name.replace("-", " ").capitalize()
