"""Gathers the facts of one task, context before any rule, and asks the rules; must not record what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from agents.models import RuleSetVersion
from agents.routing.candidates import Candidate, candidates_for, contexts_of, targets_for
from agents.routing.classify import fields_of, task_type_of, text_of
from agents.routing.decide import Decider, Verdict
from agents.routing.definitions import Table
from agents.routing.explaining import explain
from agents.routing.facts import LONGEST_TEXT, Facts, TargetFacts, Value, context_values
from agents.routing.rule_sets import decider_of, rule_set_for
from agents.sent_tasks import check_task_size
from context.access import Principal
from context.digests import check_storable, digest_of, iso
from context.epochs import epoch_of
from context.errors import InvalidInput

LONGEST_RUN = 64
FIELDS = ("rule_set", "task_type", "task", "text", "run")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A task to be routed. Without `run`, weights are drawn from the task. `text` is free text to classify by."""

    task: Any = None
    text: str = ""
    task_type: str | None = None
    rule_set: str | None = None
    run: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What the facts of tasks of one type have in common, whoever's task it is: the agents, and what each would have.

    `values` are the facts that no task states.
    """

    task_type: str | None
    candidates: Mapping[str, Candidate]
    targets: Mapping[tuple[str, str], TargetFacts]
    values: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the rules say, of which facts, by which version."""

    version: RuleSetVersion
    decider: Decider
    facts: Facts
    verdict: Verdict

    ground: Ground

    @property
    def task_type(self) -> str:
        return self.ground.task_type or ""

    def trace(self) -> list[dict[str, Any]]:
        return explain(self.decider.table, self.facts, self.verdict)


def parse_question(body: Mapping[str, Any]) -> Question:
    """Check what was sent; each error names the field, the limit and the fix."""
    unknown = sorted(set(body) - set(FIELDS))
    if unknown:
        raise InvalidInput(
            f"Unknown field {unknown[0][:80]!r}.", field=unknown[0][:80], limit=", ".join(FIELDS), fix="Leave it out."
        )
    named: dict[str, str | None] = {}
    for name, longest in (("rule_set", 60), ("task_type", 60), ("run", LONGEST_RUN), ("text", 200_000)):
        value = body.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > longest):
            raise InvalidInput(
                f"{name} is text of at most {longest} characters.", field=name, limit=longest, fix=f"Correct {name}."
            )
        named[name] = value
    task = body.get("task")
    check_storable([task, *named.values()], field="task")
    check_task_size(task)
    return Question(
        task=task,
        text=named["text"] or "",
        task_type=named["task_type"],
        rule_set=named["rule_set"],
        run=named["run"] or "",
    )


def ask(*, principal: Principal, name: str, question: Question, now: datetime) -> Answer:
    """Decide the task by the rule set in force. `name` is the caller's slug or username. Nothing is written."""
    version = rule_set_for(principal=principal, slug=question.rule_set, task_type=question.task_type)
    decider = decider_of(version, slug=question.rule_set or version.rule_set.slug)
    return ask_by(version, decider, principal=principal, name=name, question=question, now=now)


def ask_by(
    version: RuleSetVersion, decider: Decider, *, principal: Principal, name: str, question: Question, now: datetime
) -> Answer:
    """The same by a given version, or by a draft (a version that is not saved)."""
    values = values_of(decider.table, question)
    ground = gather(decider.table, principal=principal, name=name, task_type=type_in(values))
    return answer_on(ground, version=version, decider=decider, question=question, values=values, now=now)


def answer_on(
    ground: Ground,
    *,
    version: RuleSetVersion,
    decider: Decider,
    question: Question,
    values: Mapping[str, Value],
    now: datetime,
) -> Answer:
    """Decide on what was gathered for the type of the task, of which `values` say what it states. No statement."""
    run = question.run or digest_of([question.task, question.text])[:32]
    facts = Facts(run=run, at=iso(now), values={**values, **ground.values}, targets=ground.targets)
    return Answer(version=version, decider=decider, facts=facts, verdict=decider.decide(facts), ground=ground)


def values_of(table: Table, question: Question) -> dict[str, Value]:
    """The facts that the task states: its fields and its type. No statement."""
    values = fields_of(question.task, table.fields)
    return values | _typed(table, question, values)


def type_in(values: Mapping[str, Value]) -> str | None:
    stated = values.get("task.type")
    return stated if isinstance(stated, str) else None


def gather(table: Table, *, principal: Principal, name: str, task_type: str | None) -> Ground:
    """What context each agent has that the table may lead to, then the rest that no task states."""
    routes = table.pairs_for(task_type)
    pairs = tuple(dict.fromkeys((*routes, *table.pairs_for(task_type, narrower=True))))
    candidates = candidates_for(table, task_type)
    targets = targets_for(pairs, candidates, contexts_of(pairs, candidates))
    usual = [targets[pair] for pair in routes if pair in targets]
    values: dict[str, Value] = {
        **context_values(usual),
        "caller.kind": principal.kind,
        "caller.name": name[:LONGEST_TEXT],
        "caller.clearance": principal.clearance,
        "caller.roles": tuple(sorted({role for role, _ in principal.roles})),
    }
    if usual and table.asks_about("context.epoch"):
        values["context.epoch"] = epoch_of(principal=candidates[usual[0].agent].principal)
    return Ground(task_type=task_type, candidates=candidates, targets=targets, values=values)


def _typed(table: Table, question: Question, fields: Mapping[str, Value]) -> dict[str, Value]:
    """The task's type and how it is known: as given, by a declared rule, or by the classifier where none is for it."""
    declared = [each.name for each in table.task_types]
    if question.task_type is not None:
        if question.task_type not in declared:
            raise InvalidInput(
                f"The rule set declares no task type {question.task_type!r}.",
                field="task_type",
                limit=", ".join(declared[:20]),
                fix="Use one of these, or send text to be classified.",
            )
        return {"task.type": question.task_type, "task.typed_by": "given"}
    text = question.text or text_of(question.task)
    found = task_type_of(table, text=text, values=fields)
    if found is not None:
        return {"task.type": found, "task.typed_by": "declared rule"}
    path = settings.ROUTING_CLASSIFIERS.get(table.classifier)
    if path is None:
        return {"task.typed_by": "nothing"}
    label, score = import_string(path)(text, declared)
    recorded: dict[str, Value] = {
        "classifier.label": str(label)[:LONGEST_TEXT],
        "classifier.score": round(float(score), 6),
    }
    if label not in declared:
        return {**recorded, "task.typed_by": "nothing"}
    return {**recorded, "task.type": str(label), "task.typed_by": "classifier"}
