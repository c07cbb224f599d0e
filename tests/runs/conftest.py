"""Agents that take runs, and runs that wait for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.authentication import AuthenticatedAgent, authenticate
from agents.models import Agent, ContractVersion, Run, Scope
from agents.runs.leases import claim_run
from agents.runs.starting import Assignment, RunOrder, open_run
from context.access import principal_for
from governance.models import AuditEvent
from tests.agents.conftest import Presented, contract, give
from tests.cast import Cast

NOW = timezone.now() + timedelta(seconds=2)  # after all that the fixtures publish
LATER = NOW + timedelta(seconds=61)
OUTPUT_SCHEMA = {
    "type": "object",
    "required": ["score"],
    "properties": {"score": {"type": "integer", "maximum": 10}},
}
SCOPES = (Scope.RUNS_WRITE, Scope.BUNDLES_READ)


@dataclass(frozen=True)
class Runner:
    """An agent that takes runs under a contract."""

    presented: Presented
    known: AuthenticatedAgent
    terms: ContractVersion

    @property
    def agent(self) -> Agent:
        return self.presented.agent


def runner(cast: Cast, slug: str = "scorer", requirements: Any = (), **terms: Any) -> Runner:
    """An agent of Legal that holds the contract `<slug>-contract`."""
    given = {"output_schema": OUTPUT_SCHEMA, **terms}
    held = contract(cast, requirements, slug=f"{slug}-contract", **given)
    presented = give(cast, held, slug=slug, scopes=SCOPES)
    version = held.current_version
    assert version is not None
    return Runner(presented=presented, known=authenticate(f"Bearer {presented.bearer}"), terms=version)


@pytest.fixture
def scorer(cast: Cast) -> Runner:
    return runner(cast)


def started(cast: Cast, by: Runner, *, fallbacks: list[dict[str, str]] | None = None, **order: Any) -> Run:
    """A run of the owner's that waits for that agent."""
    return open_run(
        actor=principal_for(cast.owner),
        order=RunOrder(task_type="score", task={"clause": "We pay in 90 days."}, **order),
        assignment=Assignment(agent=by.agent, contract_version=by.terms, fallbacks=fallbacks or []),
        now=NOW,
    )


def events(run: Run) -> list[str]:
    """What the ledger says of the run, in order."""
    found = AuditEvent.objects.filter(subject_type="run", subject_id=str(run.pk)).order_by("sequence")
    return [event.action.removeprefix("agents.run.") for event in found]


def claimed(by: Runner, now: datetime) -> str:
    """The token of a fresh claim."""
    claim = claim_run(agent=by.known, now=now)
    assert claim is not None
    return claim.token
