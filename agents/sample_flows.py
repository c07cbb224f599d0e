"""Brings the sample's flows into force once its routes are; must not start one."""

from __future__ import annotations

from datetime import timedelta

from agents.flows.record import RECORD
from agents.sample_changes import agree, creations
from governance.sample.history import Step, moment
from governance.sample.reading import Sample

AFTER_ROUTES = timedelta(minutes=20)


def flows(sample: Sample) -> list[Step]:
    """The step of the history in which flows come into force: their checks ask for agents, contracts and routes."""
    edits = creations(RECORD.name, sample.agents["flows"])
    at = moment(sample.agents["registered"]) + AFTER_ROUTES
    return [Step(name="publish flows", at=at, run=lambda now: agree(sample.agents["flow_change"], edits, now))]
