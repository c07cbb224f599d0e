"""The tools of runs, as MCP lists them; what they do is in run_tools.py."""

from __future__ import annotations

from agents.mcp import run_tools
from agents.mcp.schemas import output_schema
from agents.mcp.tool import BUNDLE, FORMAT, LIST, TEXT_OR_NONE, PlumblineTool
from agents.models import Scope
from agents.runs.serializers import ClaimInput, StartInput

_RUN = output_schema(
    id="string", state="string", task_type="string", agent=TEXT_OR_NONE, contract=TEXT_OR_NONE, task={}, output={},
    reasons=LIST, steps=LIST,
)  # fmt: skip
_HELD = {"run": "Id of the run.", "lease_token": "The token that came with the claim."}
_CHOICE = "Only where you are asked: continue (old texts), rebase (those of now) or person."

RUNS: tuple[PlumblineTool, ...] = (
    PlumblineTool(
        name="start_run",
        title="Start a run",
        description="Give a task to whichever agent or person the rules say. Recorded before you are answered. What "
        "was refused or waits for a person says why in `reasons`.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.start_run,
        takes=StartInput,
        answers=_RUN,
        about={
            "task": "The task in JSON.",
            "text": "The task in words, from which its type may be told.",
            "task_type": "The type of the task, where it is known.",
            "rule_set": "Slug of the rule set to decide by.",
            "domain": "Slug of the domain that it belongs to.",
            "token_budget": "Tokens after which the run ends.",
            "cost_budget": "Cost after which the run ends.",
            "most_attempts": "How often it is tried.",
            "due_at": "Until when it must be done (ISO 8601).",
        },
    ),
    PlumblineTool(
        name="get_run",
        title="Read a run",
        description="One of your runs with its steps, bundles and output.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.get_run,
        takes=run_tools.RunInput,
        answers=_RUN,
        about={"run": "Id of the run."},
        reads=True,
    ),
    PlumblineTool(
        name="claim_run",
        title="Claim a run",
        description="Take the run that has waited longest for you, under a lease. Its token is shown only here.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.claim_run,
        takes=ClaimInput,
        answers=output_schema(run=["object", "null"], lease=["object", "null"]),
        about={"lease_seconds": "How long you may be silent before the run is given to another."},
    ),
    PlumblineTool(
        name="get_run_bundle",
        title="Fetch the bundle of a run",
        description="The bundle of the run's contract for its task. The first fixes the moment of all later ones.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.get_run_bundle,
        takes=run_tools.RunBundleInput,
        answers=BUNDLE,
        about={**_HELD, "query": "A question that brings the best further passages.", "format": FORMAT},
        repeatable=True,
    ),
    PlumblineTool(
        name="heartbeat",
        title="Send a heartbeat",
        description="Keep the lease of a run that you are working on.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.heartbeat,
        takes=run_tools.HeldInput,
        answers=output_schema(expires_at="string"),
        about=_HELD,
        repeatable=True,
    ),
    PlumblineTool(
        name="report_step",
        title="Report a step",
        description="Record what you did in a run. The same key with the same report is recorded once.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.report_step,
        takes=run_tools.RunStepInput,
        answers=output_schema(step="object", new="boolean"),
        about={
            **_HELD,
            "key": "A name of your own for this step.",
            "operation": "By OpenTelemetry's GenAI conventions.",
            "name": "The tool, model or agent.",
            "state": "started before an effect outside, done or failed after it.",
        },
        repeatable=True,
    ),
    PlumblineTool(
        name="complete_run",
        title="Complete a run",
        description="Hand in the output. One that breaks the contract's schema or checks goes back once, then to a "
        "person.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.complete_run,
        takes=run_tools.RunCompleteInput,
        answers=_RUN,
        about={**_HELD, "output": "The output, by the contract's output schema."},
        repeatable=True,
    ),
    PlumblineTool(
        name="fail_run",
        title="Give a run up",
        description="Say that you cannot do it: tried again, by the next agent of the route, or left to a person.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.fail_run,
        takes=run_tools.RunFailInput,
        answers=_RUN,
        about={
            **_HELD,
            "cause": "A word for what went wrong.",
            "detail": "A sentence that tells.",
            "retryable": "Whether trying again may help.",
        },
    ),
    PlumblineTool(
        name="hand_off_run",
        title="Hand a run to another agent",
        description="Pass the run on; the other works on the same snapshot. Where its texts have changed meanwhile you "
        "are told what changed, and say how it goes on.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.hand_off_run,
        takes=run_tools.RunHandOffInput,
        answers=_RUN,
        about={
            **_HELD,
            "to": "Slug of the other agent.",
            "contract": "Slug of the contract of theirs to work by.",
            "reason": "Why they should go on.",
            "payload": "What they need of your work, in JSON.",
            "choice": _CHOICE,
        },
    ),
    PlumblineTool(
        name="pause_run",
        title="Pause a run",
        description="Let go of a run until it is resumed; its steps stay.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.pause_run,
        takes=run_tools.RunPauseInput,
        answers=_RUN,
        about={**_HELD, "reason": "What it waits for."},
    ),
    PlumblineTool(
        name="resume_run",
        title="Resume a run",
        description="Queue a paused run that you started. Where its texts have changed meanwhile you are told what "
        "changed, and say how it goes on.",
        scope=Scope.RUNS_WRITE,
        act=run_tools.resume_run,
        takes=run_tools.RunResumeInput,
        answers=_RUN,
        about={"run": "Id of the run.", "choice": _CHOICE},
    ),
)
