"""What can be proved of a flow's shape alone: circles, steps out of reach, joins, failure modes; must not query."""

from __future__ import annotations

from collections.abc import Iterator

from agents.flows.carrying import sources_in
from agents.flows.definition import Definition, Step
from agents.problems import Problem


def ancestors_of(definition: Definition) -> dict[str, set[str]]:
    """The steps that are surely done before each one starts. A step that can never start is not in it."""
    found: dict[str, set[str]] = {}
    waiting = list(definition.steps)
    while waiting:
        ready = [each for each in waiting if all(name in found for name in each.after)]
        if not ready:
            return found
        for each in ready:
            found[each.name] = set(each.after).union(*(found[name] for name in each.after))
        waiting = [each for each in waiting if each.name not in found]
    return found


def check_structure(definition: Definition) -> list[Problem]:
    """Every fault of the flow's shape, in the order of its steps."""
    places = {each.name: f"steps.{number}" for number, each in enumerate(definition.steps)}
    before = ancestors_of(definition)
    found: list[Problem] = []
    for step in definition.steps:
        found += _step(step, places, before)
    for name in definition_cycle(definition):
        message = f"“{name}” waits for itself, through the steps it waits for."
        found.append(_error(f"{places[name]}.after", "cycle", message, "Take one step out of the circle."))
    leads_on = {name for each in definition.steps for name in each.after} | sources_in(definition.output)
    for step in definition.last:
        if definition.output and step.name not in leads_on:
            message = f"What “{step.label}” finds goes nowhere: no step waits for it and the output does not take it."
            found.append(
                Problem(level="warning", code="not-joined", place=places[step.name], message=message,
                        fix="Let a step wait for it, take it into the output, or leave it if its effect is all.")
            )  # fmt: skip
    for place, move in enumerate(definition.output):
        if move.source is not None and move.source != "input" and move.source not in places:
            at = f"output.{place}.from"
            found.append(_error(at, "unknown-step", f"There is no step “{move.source}”.", "Name one of the steps."))
    for number, trigger in enumerate(definition.triggers):
        if sources_in(trigger.input) - {"event"}:
            at, message = f"triggers.{number}.input", "A trigger knows its event, and nothing else."
            found.append(_error(at, "unknown-source", message, "Take its values from “event”."))
    return found


def definition_cycle(definition: Definition) -> list[str]:
    """The steps that wait for themselves, in the order of the flow."""
    after = {each.name: set(each.after) for each in definition.steps}
    found = []
    for name in after:
        seen: set[str] = set()
        waiting = set(after[name])
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting |= after.get(one, set())
        if name in seen:
            found.append(name)
    return found


def _step(step: Step, places: dict[str, str], before: dict[str, set[str]]) -> Iterator[Problem]:
    at = places[step.name]
    for number, name in enumerate(step.after):
        if name not in places:
            place = f"{at}.after.{number}"
            yield _error(place, "unknown-step", f"There is no step “{name}”.", "Name one of the steps.")
    if step.name not in before and all(name in places for name in step.after):
        message = f"“{step.label}” is never reached: what it waits for never ends."
        yield _error(at, "unreachable", message, "Mend the steps it waits for.")
    for number, move in enumerate(step.input):
        place = f"{at}.input.{number}.from"
        if move.source is None or move.source == "input":
            continue
        if move.source not in places:
            yield _error(
                place, "unknown-step", f"There is no step “{move.source}”.", "Name one of the steps, or input."
            )
        elif move.source not in before.get(step.name, {move.source}):
            message = f"“{step.label}” takes from “{move.source}” and does not wait for it."
            yield _error(place, "join-incomplete", message, f"Add “{move.source}” to the steps it waits for.")
    if step.on_failure is None:
        message = f"Nothing says what happens when “{step.label}” fails."
        fix = "Say retry, other agent, person or stop."
        yield _error(f"{at}.on_failure", "no-failure-mode", message, fix)


def _error(place: str, code: str, message: str, fix: str) -> Problem:
    return Problem(level="error", code=code, place=place, message=message, fix=fix)
