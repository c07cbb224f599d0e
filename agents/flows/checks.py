"""Checks a flow before it is saved: shape, names, hand-offs, availability; says each doubt, and must not write.

Only errors keep a flow from being published. What cannot be proved is told as a warning, never passed silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.flows.carrying import part_of, schema_of
from agents.flows.definition import Definition, Failure, Move, Step, read_definition
from agents.flows.references import Surroundings, check_availability, contracts_known_to, look_around
from agents.flows.schema_parts import Schema, pointer_of
from agents.flows.structure import check_structure
from agents.flows.subsumption import Doubt, Verdict, compare, verdict_of
from agents.problems import Problem
from context import kinds
from context.access import SYSTEM, Principal
from context.digests import canonical

LARGEST_SCHEMA_BYTES = 65_536
MOST_DOUBTS_TOLD = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Edge:
    """A hand-off: from `input`, a trigger or a step, to a step, the flow's start or its `output`."""

    source: str
    target: str
    verdict: Verdict
    doubts: tuple[Doubt, ...] = ()
    failure: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "from": self.source,
            "to": self.target,
            "verdict": self.verdict,
            "doubts": [{"verdict": each.verdict, "place": each.place, "why": each.why} for each in self.doubts],
            "failure": self.failure or None,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """All that was found of a flow. `around` is None where its shape could not be read."""

    definition: Definition
    problems: tuple[Problem, ...]
    edges: tuple[Edge, ...] = ()
    around: Surroundings | None = None

    @property
    def may_be_published(self) -> bool:
        return not any(each.level == "error" for each in self.problems)


def check_flow(payload: Mapping[str, Any], *, principal: Principal = SYSTEM) -> Checked:
    """Everything found of a flow's payload, as things stand now. A dozen queries, and the availability of its texts."""
    definition, faults = read_definition(payload)
    faults = [*faults, *_input_schema(definition.input_schema)]
    if faults:
        return Checked(definition=definition, problems=tuple(faults))
    shape = check_structure(definition)
    around = look_around(definition)
    edges = tuple(edges_of(definition, around)) if not any(each.level == "error" for each in shape) else ()
    known = contracts_known_to(principal, {each.contract for each in definition.steps})
    problems = [*shape, *around.problems, *_told(definition, edges)]
    problems += check_availability(definition, around, knows=known)
    return Checked(definition=definition, problems=tuple(problems), edges=edges, around=around)


def edges_of(definition: Definition, around: Surroundings) -> Iterator[Edge]:
    """Each hand-off with its verdict; an edge without values (a step only waits) always fits."""
    sources: dict[str, Sequence[Schema]] = {"input": [definition.input_schema]}
    for step in definition.steps:
        sources[step.name] = [
            _or_anything(around.contracts[each].output_schema)
            for each in (around.carriers[step.name].contracts or (step.contract,))
            if each in around.contracts
        ] or [True]
    for trigger in definition.triggers:
        event = {"event": [EVENT_SCHEMAS[trigger.on]]}
        doubts = compare(schema_of(trigger.input, event), definition.input_schema)
        yield _edge(f"trigger:{trigger.name}", "input", [*doubts, *_nowhere(trigger.input, event)])
    for step in definition.steps:
        yield from _into(step, definition, around, sources)
    for name in dict.fromkeys(move.source for move in definition.output if move.source not in (None, "input")):
        doubts = _nowhere([each for each in definition.output if each.source == name], sources)
        yield _edge(str(name), "output", doubts, definition.step(str(name)).on_failure)


def words_of(failure: Failure | None) -> str:
    """A failure mode for a sentence: “retry twice, then a person”."""
    if failure is None:
        return ""
    last = "a person" if failure.last == "person" else "stop"
    if failure.do == "retry":
        return f"retry {'once' if failure.times == 1 else f'{failure.times} times'}, then {last}"
    if failure.do == "other_agent":
        return f"{failure.agent}, then {last}"
    return last


# What an event holds. A post's body is its sender's: nothing is known of it beforehand.
EVENT_SCHEMAS: Mapping[str, Schema] = {
    "webhook": True,
    "publication": {
        "type": "object",
        "additionalProperties": False,
        "required": ["change", "items"],
        "properties": {
            "change": {"type": "integer", "minimum": 1},
            "items": {
                "type": "array",
                "minItems": 1,
                "maxItems": 100,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["key", "operation"],
                    "properties": {
                        "key": {"type": "string", "minLength": 1, "maxLength": 200},
                        "operation": {"enum": ["create", "revise", "retire", "revert"]},
                    },
                },
            },
        },
    },
}


def _into(
    step: Step, definition: Definition, around: Surroundings, sources: Mapping[str, Sequence[Schema]]
) -> Iterator[Edge]:
    given = schema_of(step.input, sources)
    by_source: dict[str, list[Doubt]] = {name: [] for name in step.after}
    for move in step.input:
        if move.source is not None:
            by_source.setdefault(move.source, [])
    if not step.after:
        by_source.setdefault("input", [])
    fallback = next(iter(by_source), "input")
    asked = [each for each in (around.carriers[step.name].contracts or (step.contract,)) if each in around.contracts]
    seen: set[tuple[str, str]] = set()
    for contract in asked:
        for doubt in compare(given, _or_anything(around.contracts[contract].task_schema)):
            if (doubt.place, doubt.why) not in seen:
                seen.add((doubt.place, doubt.why))
                by_source[_giver(step, doubt, fallback)].append(doubt)
    for source, doubts in by_source.items():
        nowhere = _nowhere([each for each in step.input if each.source == source], sources)
        before = definition.step(source).on_failure if source != "input" else None
        yield _edge(source, step.name, [*doubts, *nowhere], before)


def _giver(step: Step, doubt: Doubt, fallback: str) -> str:
    """Which source gives what stands at the doubt's place."""
    place = pointer_of(doubt.place)
    for move in step.input:
        if move.source is not None and (place[: len(move.to)] == move.to or move.to[: len(place)] == place != ()):
            return move.source
    return fallback


def _nowhere(moves: Sequence[Move], sources: Mapping[str, Sequence[Schema]]) -> list[Doubt]:
    """Values that are taken from where nothing ever is."""
    return [
        Doubt(verdict="does_not_fit", place=f"/{'/'.join(move.to)}", why=f"there is never a /{'/'.join(move.at)}")
        for move in moves
        if part_of(move, sources)[0] is False
    ]


def _told(definition: Definition, edges: Sequence[Edge]) -> Iterator[Problem]:
    places = {step.name: f"steps.{number}.input" for number, step in enumerate(definition.steps)}
    labels = {step.name: f"“{step.label}”" for step in definition.steps}
    labels |= {f"trigger:{each.name}": f"the trigger “{each.name}”" for each in definition.triggers}
    places |= {f"trigger:{each.name}": f"triggers.{number}.input" for number, each in enumerate(definition.triggers)}
    for edge in edges:
        if edge.verdict == "fits":
            continue
        surely = [each for each in edge.doubts if each.verdict == edge.verdict]
        said = "; ".join(f"{each.place or 'the whole'}: {each.why}" for each in surely[:3])
        more = f" (and {len(surely) - 3} more)" if len(surely) > 3 else ""
        source = {"input": "the flow's input"}.get(edge.source, labels.get(edge.source, edge.source))
        target = {"input": "the flow's input", "output": "the output"}.get(edge.target, labels.get(edge.target, ""))
        place = places.get(edge.source if edge.target == "input" else edge.target, edge.target)
        if edge.verdict == "does_not_fit":
            message = f"What {source} gives does not fit {target}: {said}{more}."
            fix = "Change the mapping, or publish a contract whose schema takes it."
            yield Problem(level="error", code="does-not-fit", place=place, message=message, fix=fix)
        else:
            message = f"Whether what {source} gives fits {target} is not provable: {said}{more}. Each run checks it."
            fix = "Say types and limits in both schemas, if it is to be proved."
            yield Problem(level="warning", code="not-provable", place=place, message=message, fix=fix)


def _edge(source: str, target: str, doubts: Sequence[Doubt], failure: Failure | None = None) -> Edge:
    return Edge(
        source=source,
        target=target,
        verdict=verdict_of(doubts),
        doubts=tuple(doubts[:MOST_DOUBTS_TOLD]),
        failure=words_of(failure),
    )


def _input_schema(schema: Any) -> Iterator[Problem]:
    place = "input_schema"
    if schema is True:
        return
    if not isinstance(schema, Mapping):
        yield Problem(level="error", code="shape", place=place, message="A JSON Schema is an object.", fix="Write {…}.")
        return
    if len(canonical(schema)) > LARGEST_SCHEMA_BYTES:
        message = f"The schema is larger than {LARGEST_SCHEMA_BYTES} bytes."
        yield Problem(level="error", code="shape", place=place, message=message, fix="Ask for less.")
        return
    try:
        kinds.check_schema(schema)
    except kinds.SchemaInvalid as error:
        yield Problem(level="error", code="shape", place=place, message=error.detail, fix=error.fix or "")


def _or_anything(schema: Any) -> Schema:
    return True if schema is None else schema
