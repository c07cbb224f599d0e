"""Registers the sample's endpoints, brings its rule set into force and routes its first tasks; must not make agents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from agents.endpoints import ModelTerms, note_health, promote, register_version
from agents.routing.asking import Question, ask
from agents.routing.decisions import record_decision
from agents.routing.record import RECORD
from agents.sample_changes import agree, creations, person
from context.access import SYSTEM, principal_for
from context.models import User
from governance.sample.history import Step, moment
from governance.sample.reading import Sample

UNTIL_TASKS = timedelta(days=4, hours=9)
MINUTES_APART = 37


def routing(sample: Sample) -> list[Step]:
    """The steps of the history in which routes come into force, and first tasks come by them."""
    begun = moment(sample.agents["registered"])
    said, edits = sample.agents["rule_set_change"], creations(RECORD.name, sample.agents["rule_sets"])
    return [
        # A moment after the agents that the rules lead to.
        Step(name="publish routes", at=begun + timedelta(minutes=5), run=lambda now: agree(said, edits, now)),
        *(
            Step(
                name=f"route task {number + 1}",
                at=begun + UNTIL_TASKS + timedelta(minutes=MINUTES_APART * number),
                run=partial(_route, sample, said),
            )
            for number, said in enumerate(sample.agents["tasks"])
        ),
    ]


def register_endpoints(sample: Sample, admin: User, now: datetime) -> None:
    """Every version of every endpoint, the last of each in use. Before the agents that name them."""
    for said in sample.agents["endpoints"]:
        for number, version in enumerate(said["versions"], start=1):
            made = register_version(
                actor=admin,
                slug=said["slug"],
                name=said["name"],
                provider=said["provider"],
                owner=person(said["owner"]),
                terms=_terms(version),
                now=now,
            )
            promote(actor=admin, endpoint=made.endpoint, number=number, reason="Tried by the contracts desk", now=now)
        note_health(actor=SYSTEM, endpoint=made.endpoint, health="healthy", why="Answered the first call", now=now)


def _terms(said: Mapping[str, Any]) -> ModelTerms:
    return ModelTerms(
        model=said["model"],
        price_in=Decimal(said["price_in"]),
        price_out=Decimal(said["price_out"]),
        currency=said["currency"],
        capabilities=said["capabilities"],
        latency=said["latency"],
    )


def _route(sample: Sample, said: Mapping[str, Any], now: datetime) -> None:
    asker = person(said["by"])
    principal = principal_for(asker)
    question = Question(task=said["task"], text=said["text"], rule_set=sample.agents["rule_sets"][0]["slug"])
    answer = ask(principal=principal, name=asker.username, question=question, now=now)
    record_decision(principal=principal, answer=answer, now=now)
