"""Decides: facts and a table in, an outcome with its reason out, the same every time; must not read a clock or a row.

Availability stands in the facts before any rule is tried. No rule can lead to an agent that lacks required context:
a rule says only what happens then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from agents.routing.conditions import EvaluationFailed
from agents.routing.definitions import Outcome, Rule, Table, Target
from agents.routing.facts import MOST_GAPS, Facts, TargetFacts, Value
from agents.routing.operators import Test
from agents.routing.weights import balanced
from context.digests import digest_of, iso

Kind = Literal["agent", "human", "refuse"]
TASK_TYPE = "task.type"
LACKS_CONTEXT = "it lacks context that its contract requires"
# Why a rule did not match, where it was not the condition of that number.
EXPRESSION, NO_AGENT_FITS, NO_AGENT_MAY, MATCHED = -1, -2, -3, -4


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome: `tried` has, for each rule tried, the number of the condition it failed at, or a code above.

    `rule` is the place of the rule that decided, None where none did. `said` is the outcome as it is recorded.
    """

    kind: Kind
    rule: int | None
    tried: tuple[tuple[int, int], ...]
    said: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the outcome, its reason and the rules tried."""
        return digest_of({"outcome": self.said, "tried": self.trail})

    @property
    def trail(self) -> str:
        """The rules tried as they are recorded: place and code of each, such as `0:1 1:-4`."""
        return " ".join(f"{place}:{code}" for place, code in self.tried)


class _Compiled(NamedTuple):
    """A rule's conditions as functions, each with its number; those about the task's type are answered beforehand."""

    tests: tuple[tuple[int, str, Test], ...]
    about_agents: tuple[tuple[str, Test], ...]


class _Step(NamedTuple):
    """What to try next for tasks of one type: rules that are not for that type, then one that may be."""

    passed_over: tuple[tuple[int, int], ...]
    place: int
    compiled: _Compiled | None


@dataclass(frozen=True, slots=True)
class Decider:
    """A table whose conditions are made into functions, once for many decisions; `steps` by the task's type."""

    table: Table
    steps: Mapping[Value | None, tuple[_Step, ...]]

    def decide(self, facts: Facts) -> Verdict:
        """The outcome of these facts. Pure: no clock, no chance, no database."""
        given = facts.values.get
        tried: list[tuple[int, int]] = []
        for passed_over, place, compiled in self.steps.get(given(TASK_TYPE)) or self.steps[None]:
            tried += passed_over
            if compiled is None:
                break
            for number, name, test in compiled.tests:
                if not test(given(name)):
                    tried.append((place, number))
                    break
            else:
                found = self._of_rule(self.table.rules[place], compiled, place, facts, tried)
                if found is not None:
                    return found
        said = _person_or_refusal(self.table.otherwise, None, "no-rule")
        return Verdict(said["kind"], None, tuple(tried), said)

    def _of_rule(
        self, rule: Rule, compiled: _Compiled, place: int, facts: Facts, tried: list[tuple[int, int]]
    ) -> Verdict | None:
        """What the rule leads to, or None where it does not match after all; then `tried` says why."""
        if rule.expression is not None:
            try:
                holds = rule.expression.holds(facts.values)
            except EvaluationFailed:
                tried.append((place, EXPRESSION))
                why = f"The condition of the rule “{rule.name}” has no answer for these facts."
                return Verdict("refuse", place, tuple(tried), _said("refuse", rule, "condition-error", why))
            if not holds:
                tried.append((place, EXPRESSION))
                return None
        if rule.outcome.do != "agent":
            tried.append((place, MATCHED))
            said = _person_or_refusal(rule.outcome, rule, "by-rule")
            return Verdict(said["kind"], place, tuple(tried), said)
        return self._to_agents(rule, compiled, place, facts, tried)

    def _to_agents(
        self, rule: Rule, compiled: _Compiled, place: int, facts: Facts, tried: list[tuple[int, int]]
    ) -> Verdict | None:
        outcome = rule.outcome
        usual = self.table.contract_of(_text(facts.values.get("task.type")))
        left_out: list[dict[str, str]] = []
        fitting: list[tuple[Target, TargetFacts | None]] = []
        for target in outcome.targets:
            known = facts.targets.get((target.agent, target.contract or usual))
            lacking = self._lacking(compiled, rule, known)
            if lacking:
                left_out.append({"agent": target.agent, "why": lacking})
            else:
                fitting.append((target, known))
        if compiled.about_agents and not fitting:
            tried.append((place, NO_AGENT_FITS))
            return None
        may: list[tuple[Target, TargetFacts]] = []
        for target, known in fitting:
            why = _may_not(target, usual, known)
            if why or known is None:
                left_out.append({"agent": target.agent, "why": why})
            else:
                may.append((target, known))
        if not may:
            if outcome.nobody == "next":
                tried.append((place, NO_AGENT_MAY))
                return None
            tried.append((place, MATCHED))
            why = f"No agent of the rule “{rule.name}” may take the task."
            if outcome.nobody == "person":
                said = _said("human", rule, "no-agent", why, to=outcome.to)
            else:
                said = _said("refuse", rule, "no-agent", why)
            said["left_out"] = left_out
            return Verdict(said["kind"], place, tuple(tried), said)
        tried.append((place, MATCHED))
        able = [target for target, known in may if _is_complete(known)]
        if not able:
            said = self._incomplete(rule, may, facts)
            said["left_out"] = left_out
            return Verdict(said["kind"], place, tuple(tried), said)
        unable = [{"agent": known.agent, "why": LACKS_CONTEXT} for _, known in may if not _is_complete(known)]
        ordered = self._ordered(outcome, able, facts, rule)
        said = _to_agent(rule, ordered, usual, code="by-rule")
        said["left_out"] = left_out + unable
        return Verdict("agent", place, tuple(tried), said)

    def _ordered(self, outcome: Outcome, targets: list[Target], facts: Facts, rule: Rule) -> list[Target]:
        if outcome.balance == "weights":
            return balanced(targets, run=facts.run, salt=f"{self.table.slug}/{rule.name}")
        return targets

    def _lacking(self, compiled: _Compiled, rule: Rule, known: TargetFacts | None) -> str:
        """Which condition about agents the target does not meet, in words."""
        given = known.values.get if known is not None else (lambda name: None)
        for number, (name, test) in enumerate(compiled.about_agents):
            value = given(name)
            if (value is None and known is None) or not test(value):
                return rule.about_agents[number].why_not(value)
        return ""

    def _incomplete(self, rule: Rule, may: Sequence[tuple[Target, TargetFacts]], facts: Facts) -> dict[str, Any]:
        """Every agent of the rule lacks context: what the rule says of that."""
        incomplete = rule.outcome.incomplete
        nearest = min((known for _, known in may), key=_required_gaps)
        gaps = _required(nearest)
        why = f"{nearest.agent} does not have all the context that the task needs."
        match incomplete.do:
            case "narrower":
                usual = self.table.contract_of(_text(facts.values.get("task.type")))
                able = []
                for target in incomplete.targets:
                    known = facts.targets.get((target.agent, target.contract or usual))
                    if not _may_not(target, usual, known) and known is not None and _is_complete(known):
                        able.append(target)
                if able:
                    said = _to_agent(rule, able, usual, code="narrower")
                    said["reason"] = f"{why} The narrower agent {able[0].agent} has what it needs."
                    return {**said, "gaps": gaps}
                said = _said("refuse", rule, "context-incomplete", f"{why} No narrower agent has what it needs either.")
            case "person":
                said = _said("human", rule, "context-incomplete", why, to=incomplete.to)
            case "wait":
                until = iso(datetime.fromisoformat(facts.at) + timedelta(hours=incomplete.hours))
                said = _said("human", rule, "wait", f"{why} It waits for the owner until {until}.", to="owner")
                said |= {"wait_until": until, "then": incomplete.then, "then_to": incomplete.to}
            case _:
                said = _said("refuse", rule, "context-incomplete", why)
        return {**said, "gaps": gaps}


def compile_table(table: Table) -> Decider:
    """The table, ready to decide many times."""
    types: list[str | None] = [*(each.name for each in table.task_types), None]
    return Decider(table=table, steps={each: _steps(table, each) for each in types})


def _steps(table: Table, task_type: str | None) -> tuple[_Step, ...]:
    """The rules in order, with what can be said beforehand of every task of that type."""
    steps: list[_Step] = []
    passed_over: list[tuple[int, int]] = []
    for place, rule in enumerate(table.rules):
        tests = [(number, each.fact.name, each.test()) for number, each in enumerate(rule.conditions)]
        failing = next((number for number, name, test in tests if name == TASK_TYPE and not test(task_type)), None)
        if failing is not None:
            passed_over.append((place, failing))
            continue
        compiled = _Compiled(
            tests=tuple(each for each in tests if each[1] != TASK_TYPE),
            about_agents=tuple((each.fact.name, each.test()) for each in rule.about_agents),
        )
        steps.append(_Step(tuple(passed_over), place, compiled))
        passed_over = []
    return (*steps, _Step(tuple(passed_over), len(table.rules), None))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _may_not(target: Target, usual: str, known: TargetFacts | None) -> str:
    if not (target.contract or usual):
        return "no contract says what context the task needs"
    if known is None:
        return "there is no such agent"
    if known.state != "sanctioned":
        return f"it is {known.state}"
    if known.context is None:
        return f"it does not hold the contract {known.contract}"
    return ""


def _is_complete(known: TargetFacts) -> bool:
    return known.context is not None and known.context.complete


def _required(known: TargetFacts) -> list[dict[str, Any]]:
    gaps = known.context.gaps if known.context is not None else ()
    return [dict(gap) for gap in gaps if gap.get("required", True)][:MOST_GAPS]


def _required_gaps(known: TargetFacts) -> int:
    return len(_required(known))


def _said(kind: Kind, rule: Rule | None, code: str, reason: str, *, to: str = "") -> dict[str, Any]:
    said: dict[str, Any] = {"kind": kind, "code": code, "rule": rule.name if rule else None, "reason": reason}
    if kind == "human":
        said["to"] = to
    return said


def _person_or_refusal(outcome: Outcome, rule: Rule | None, code: str) -> dict[str, Any]:
    by = f"The rule “{rule.name}” matched" if rule else "No rule matched"
    if outcome.do == "human":
        reason = f"{by}: a person decides." + (f" {outcome.why}" if outcome.why else "")
        return _said("human", rule, code, reason, to=outcome.to)
    return _said("refuse", rule, code, f"{by}: the task is refused." + (f" {outcome.why}" if outcome.why else ""))


def _to_agent(rule: Rule, ordered: Sequence[Target], usual: str, *, code: str) -> dict[str, Any]:
    first = ordered[0]
    others = [{"agent": each.agent, "contract": each.contract or usual} for each in ordered[1:]]
    reason = f"The rule “{rule.name}” matched, and {first.agent} has all the context that the task needs."
    said = _said("agent", rule, code, reason)
    return {**said, "agent": first.agent, "contract": first.contract or usual, "fallbacks": others}
