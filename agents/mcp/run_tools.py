"""The tools by which an agent takes and finishes runs; must hold no rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.mcp.calls import Answer, Asking
from agents.mcp.reading_tools import bundle_answer
from agents.runs.api import run_id_of
from agents.runs.contexts import give_bundle
from agents.runs.finishing import complete_run as complete
from agents.runs.finishing import fail_run as fail
from agents.runs.finishing import hand_off
from agents.runs.leases import claim_run as claim
from agents.runs.leases import heartbeat as keep
from agents.runs.pausing import pause_run as pause
from agents.runs.pausing import resume_run as resume
from agents.runs.reading import find_run, run_as_json, step_as_json
from agents.runs.serializers import (
    BundleInput,
    CompleteInput,
    FailInput,
    HandOffInput,
    LeaseInput,
    ResumeInput,
    StepInput,
)
from agents.runs.starting import start_as_asked
from agents.runs.steps import StepReport
from agents.runs.steps import report_step as report
from config.api.fields import Input, Text
from context.digests import iso

LONGEST_RUN_ID = 36


class RunInput(Input):
    run = Text(max_length=LONGEST_RUN_ID)


class HeldInput(LeaseInput):
    run = Text(max_length=LONGEST_RUN_ID)


class RunBundleInput(BundleInput):
    run = Text(max_length=LONGEST_RUN_ID)


class RunStepInput(StepInput):
    run = Text(max_length=LONGEST_RUN_ID)


class RunCompleteInput(CompleteInput):
    run = Text(max_length=LONGEST_RUN_ID)


class RunFailInput(FailInput):
    run = Text(max_length=LONGEST_RUN_ID)


class RunHandOffInput(HandOffInput):
    run = Text(max_length=LONGEST_RUN_ID)


class RunPauseInput(LeaseInput):
    run = Text(max_length=LONGEST_RUN_ID)
    reason = Text(max_length=500)


class RunResumeInput(ResumeInput):
    run = Text(max_length=LONGEST_RUN_ID)


def start_run(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    run = start_as_asked(actor=asking.principal, name=asking.agent.slug, asked=asked, now=asking.now)
    return _run(asking, str(run.pk))


def get_run(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    return _run(asking, asked["run"])


def claim_run(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    found = claim(agent=asking.agent, lease_seconds=asked["lease_seconds"], now=asking.now)
    if found is None:
        return Answer(content={"run": None, "lease": None}, text="Nothing waits for you.")
    lease = {"token": found.token, "number": found.lease.number, "expires_at": iso(found.lease.expires_at)}
    return Answer(content={"run": run_as_json(principal=asking.principal, run=found.run), "lease": lease})


def get_run_bundle(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    served = give_bundle(
        agent=asking.agent,
        run_id=run_id_of(asked["run"]),
        token=asked["lease_token"],
        query=asked["query"],
        form=asked["format"],
        now=asking.now,
    )
    return bundle_answer(served)


def heartbeat(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    lease = keep(agent=asking.agent, run_id=run_id_of(asked["run"]), token=asked["lease_token"], now=asking.now)
    return Answer(content={"expires_at": iso(lease.expires_at)})


def report_step(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    said = {name: value for name, value in asked.items() if name not in ("run", "lease_token")}
    step, new = report(
        agent=asking.agent,
        run_id=run_id_of(asked["run"]),
        token=asked["lease_token"],
        report=StepReport(**said),
        now=asking.now,
    )
    return Answer(content={"step": step_as_json(step, readable=True), "new": new})


def complete_run(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    run_id = run_id_of(asked["run"])
    complete(agent=asking.agent, run_id=run_id, token=asked["lease_token"], output=asked["output"], now=asking.now)
    return _run(asking, asked["run"])


def fail_run(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    said = {name: asked[name] for name in ("cause", "detail", "retryable")}
    fail(agent=asking.agent, run_id=run_id_of(asked["run"]), token=asked["lease_token"], now=asking.now, **said)
    return _run(asking, asked["run"])


def hand_off_run(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    said = {name: asked[name] for name in ("to", "contract", "reason", "payload", "choice")}
    hand_off(agent=asking.agent, run_id=run_id_of(asked["run"]), token=asked["lease_token"], now=asking.now, **said)
    return _run(asking, asked["run"])


def pause_run(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    token, reason = asked["lease_token"], asked["reason"]
    pause(agent=asking.agent, run_id=run_id_of(asked["run"]), token=token, reason=reason, now=asking.now)
    return _run(asking, asked["run"])


def resume_run(asking: Asking, asked: Mapping[str, Any]) -> Answer:
    """One that the agent started; others are resumed by those who steer them."""
    resume(actor=asking.principal, run_id=run_id_of(asked["run"]), choice=asked["choice"], now=asking.now)
    return _run(asking, asked["run"])


def _run(asking: Asking, run_id: str) -> Answer:
    run = find_run(principal=asking.principal, run_id=run_id_of(run_id))
    return Answer(content=run_as_json(principal=asking.principal, run=run))
