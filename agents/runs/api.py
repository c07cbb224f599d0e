"""The addresses of runs under /api/v1/runs/; must hold no rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, cast
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from agents.authentication import AuthenticatedAgent
from agents.models import Run, RunState, Scope
from agents.runs.contexts import give_bundle
from agents.runs.finishing import cancel_run, complete_run, fail_run, hand_off
from agents.runs.leases import claim_run, heartbeat
from agents.runs.pausing import pause_run, pause_run_of_another, resume_run
from agents.runs.reading import find_run, run_as_json, step_as_json, summary_of
from agents.runs.reviewing import RunDecision, review_run
from agents.runs.serializers import (
    BundleInput,
    CancelInput,
    ClaimInput,
    ClaimSerializer,
    CompleteInput,
    FailInput,
    HandOffInput,
    HeartbeatSerializer,
    LeaseInput,
    PauseInput,
    ResumeInput,
    RunPageSerializer,
    RunReviewInput,
    RunSerializer,
    StartInput,
    StepInput,
    StepSerializer,
)
from agents.runs.starting import start_as_asked
from agents.runs.steps import StepReport, report_step
from agents.serializers import BundleSerializer, RefusalSerializer
from config.api.described import CURSOR, IF_NONE_MATCH, LIMIT, answers, word
from config.api.fields import take
from config.api.pages import read_page
from config.api.permissions import Caller
from config.api.views import ApiView, json_response
from context.digests import iso
from context.errors import NotFound
from context.models import User


class RunView(ApiView):
    """What the addresses of runs share: who may come here, and which run is meant."""

    open_to: ClassVar[tuple[Caller, ...]] = ("person", "agent")
    agent_scope = Scope.RUNS_WRITE

    @property
    def agent(self) -> AuthenticatedAgent:
        return cast(AuthenticatedAgent, self.request.user)

    def answer_run(self, effect: Callable[[], UUID], *, status: int = 200) -> HttpResponse:
        """Carry out `effect` once, and answer the run that it leads to."""

        def answer() -> HttpResponse:
            run = find_run(principal=self.principal, run_id=effect())
            return json_response(run_as_json(principal=self.principal, run=run), status=status)

        return self.write(answer)


class WorkView(RunView):
    """What only the agent that holds the run may do."""

    open_to = ("agent",)


def run_id_of(stated: str) -> UUID:
    """The id in an address. What is no UUID names no run."""
    try:
        return UUID(stated)
    except ValueError as error:
        raise NotFound("There is no such run.") from error


class RunsView(RunView):
    """The runs that the caller may see."""

    parameters = ("limit", "cursor", "state", "agent", "task_type")

    @extend_schema(
        operation_id="list_runs",
        summary="List runs",
        parameters=[
            LIMIT,
            CURSOR,
            word("state", "Only runs in this state."),
            word("agent", "Only runs of the agent of this slug."),
            word("task_type", "Only runs of this type of task."),
        ],
        responses=answers(RunPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = Run.objects.visible_to(self.principal).select_related("agent", "contract_version__contract", "domain")
        state, agent, task_type = (
            self.query.choice("state", RunState.values),
            self.query.text("agent"),
            self.query.text("task_type"),
        )
        if state:
            found = found.filter(state=state)
        if agent:
            found = found.filter(agent__slug=agent)
        if task_type:
            found = found.filter(task_type=task_type)
        page = read_page(found, request=self.http_request, parameters=self.query, by="-id")
        return json_response(page.rendered(summary_of))

    @extend_schema(
        operation_id="start_run",
        summary="Start a run",
        description="The task is routed and recorded with its decision before the answer leaves; from then on it is "
        "not lost. What was refused, or waits for a person, says why in `reasons`.",
        request=StartInput,
        responses=answers(RunSerializer, status=201),
    )
    def post(self, request: Request) -> HttpResponse:
        def effect() -> UUID:
            name = self.agent.slug if self.principal.kind == "agent" else self.request.user.get_username()
            asked = take(StartInput, self.body)
            return start_as_asked(actor=self.principal, name=name, asked=asked, now=self.now).pk

        return self.answer_run(effect, status=201)


class OneRunView(RunView):
    """One run with its steps."""

    @extend_schema(
        operation_id="read_run",
        summary="Read a run",
        parameters=[IF_NONE_MATCH],
        responses=answers(RunSerializer, etag=True),
    )
    def get(self, request: Request, run_id: str) -> HttpResponse:
        run = find_run(principal=self.principal, run_id=run_id_of(run_id))
        return self.cacheable(run_as_json(principal=self.principal, run=run))


class ClaimView(WorkView):
    """Take the run that has waited longest for the agent."""

    answers_once = False  # an answer that is kept would keep the lease's token

    @extend_schema(
        operation_id="claim_run",
        summary="Claim a run",
        description="`run` and `lease` are null where nothing waits. The token is shown only here.",
        request=ClaimInput,
        responses=answers(ClaimSerializer),
    )
    def post(self, request: Request) -> HttpResponse:
        taken = take(ClaimInput, self.body)
        claim = claim_run(agent=self.agent, lease_seconds=taken["lease_seconds"], now=self.now)
        if claim is None:
            return json_response({"run": None, "lease": None})
        lease = {"token": claim.token, "number": claim.lease.number, "expires_at": iso(claim.lease.expires_at)}
        return json_response({"run": run_as_json(principal=self.principal, run=claim.run), "lease": lease})


class HeartbeatView(WorkView):
    """Keep the lease."""

    @extend_schema(
        operation_id="keep_run",
        summary="Send a heartbeat",
        request=LeaseInput,
        responses=answers(HeartbeatSerializer),
    )
    def post(self, request: Request, run_id: str) -> HttpResponse:
        def effect() -> HttpResponse:
            token = take(LeaseInput, self.body)["lease_token"]
            lease = heartbeat(agent=self.agent, run_id=run_id_of(run_id), token=token, now=self.now)
            return json_response({"expires_at": iso(lease.expires_at)})

        return self.write(effect)


class StepsView(WorkView):
    """Report a step."""

    @extend_schema(
        operation_id="report_step",
        summary="Report a step",
        description="The same key with the same report is recorded once: 200 instead of 201 the second time.",
        request=StepInput,
        responses={200: StepSerializer, 201: StepSerializer},
    )
    def post(self, request: Request, run_id: str) -> HttpResponse:
        def effect() -> HttpResponse:
            taken = take(StepInput, self.body)
            token = taken.pop("lease_token")
            step, new = report_step(
                agent=self.agent, run_id=run_id_of(run_id), token=token, report=StepReport(**taken), now=self.now
            )
            return json_response(step_as_json(step, readable=True), status=201 if new else 200)

        return self.write(effect)


class CompleteView(WorkView):
    """Hand in the output."""

    @extend_schema(
        operation_id="complete_run",
        summary="Complete a run",
        description="An output that breaks the contract's schema or checks goes back once, then to a person.",
        request=CompleteInput,
        responses=answers(RunSerializer),
    )
    def post(self, request: Request, run_id: str) -> HttpResponse:
        def effect() -> UUID:
            taken = take(CompleteInput, self.body)
            known = run_id_of(run_id)
            complete_run(
                agent=self.agent, run_id=known, token=taken["lease_token"], output=taken["output"], now=self.now
            )
            return known

        return self.answer_run(effect)


class FailView(WorkView):
    """Give up."""

    @extend_schema(operation_id="fail_run", summary="Fail a run", request=FailInput, responses=answers(RunSerializer))
    def post(self, request: Request, run_id: str) -> HttpResponse:
        def effect() -> UUID:
            taken = take(FailInput, self.body)
            known = run_id_of(run_id)
            fail_run(agent=self.agent, run_id=known, token=taken.pop("lease_token"), now=self.now, **taken)
            return known

        return self.answer_run(effect)


class HandOffView(WorkView):
    """Pass the run on."""

    @extend_schema(
        operation_id="hand_off_run",
        summary="Hand a run to another agent",
        description="The other agent works on the same snapshot of the context. Where texts of the run have changed "
        "since it began, the answer is 409 with what changed, until `choice` says `continue`, `rebase` or `person`.",
        request=HandOffInput,
        responses=answers(RunSerializer),
    )
    def post(self, request: Request, run_id: str) -> HttpResponse:
        def effect() -> UUID:
            taken = take(HandOffInput, self.body)
            known = run_id_of(run_id)
            hand_off(agent=self.agent, run_id=known, token=taken.pop("lease_token"), now=self.now, **taken)
            return known

        return self.answer_run(effect)


class PauseView(RunView):
    """Let go of a run for a while."""

    @extend_schema(
        operation_id="pause_run",
        summary="Pause a run",
        description="The agent that holds it sends its lease token; who steers the run sends none.",
        request=PauseInput,
        responses=answers(RunSerializer),
    )
    def post(self, request: Request, run_id: str) -> HttpResponse:
        def effect() -> UUID:
            taken = take(PauseInput, self.body)
            known = run_id_of(run_id)
            token, reason = taken["lease_token"], taken["reason"]
            if token and self.principal.kind == "agent":
                pause_run(agent=self.agent, run_id=known, token=token, reason=reason, now=self.now)
            else:
                pause_run_of_another(actor=self.principal, run_id=known, reason=reason, now=self.now)
            return known

        return self.answer_run(effect)


class ResumeView(RunView):
    """Go on with a paused run."""

    @extend_schema(
        operation_id="resume_run",
        summary="Resume a run",
        description="Where texts of the run have changed since it began, the answer is 409 with what changed, until "
        "`choice` says `continue`, `rebase` or `person`.",
        request=ResumeInput,
        responses=answers(RunSerializer),
    )
    def post(self, request: Request, run_id: str) -> HttpResponse:
        def effect() -> UUID:
            choice = take(ResumeInput, self.body)["choice"]
            known = run_id_of(run_id)
            resume_run(actor=self.principal, run_id=known, choice=choice, now=self.now)
            return known

        return self.answer_run(effect)


class CancelView(RunView):
    """Stop a run for good."""

    @extend_schema(
        operation_id="cancel_run", summary="Cancel a run", request=CancelInput, responses=answers(RunSerializer)
    )
    def post(self, request: Request, run_id: str) -> HttpResponse:
        def effect() -> UUID:
            reason = take(CancelInput, self.body)["reason"]
            known = run_id_of(run_id)
            cancel_run(actor=self.principal, run_id=known, reason=reason, now=self.now)
            return known

        return self.answer_run(effect)


class ReviewView(RunView):
    """Decide on an output, or on a run that waits for a person."""

    open_to = ("person",)

    @extend_schema(
        operation_id="review_run",
        summary="Review a run",
        description="`digest` is the run's `output_digest` as it was read. With `edit`, `output` stands instead; with "
        "`reassign`, `agent` and `contract` say who takes the run.",
        request=RunReviewInput,
        responses=answers(RunSerializer),
    )
    def post(self, request: Request, run_id: str) -> HttpResponse:
        def effect() -> UUID:
            taken = take(RunReviewInput, self.body)
            known = run_id_of(run_id)
            person = cast(User, self.request.user)
            review_run(actor=person, run_id=known, said=RunDecision(**taken), now=self.now)
            return known

        return self.answer_run(effect)


class RunBundleView(WorkView):
    """The bundle of a run, at the run's one snapshot."""

    answers_once = False  # a bundle is addressed by its content: asking again gives the same one

    @extend_schema(
        operation_id="fetch_bundle_of_run",
        summary="Fetch the bundle of a run",
        description="The first bundle fixes the run's snapshot: later ones, of whichever agent, are of that moment.",
        request=BundleInput,
        responses={200: BundleSerializer, 409: RefusalSerializer},
    )
    def post(self, request: Request, run_id: str) -> HttpResponse:
        taken = take(BundleInput, self.body)
        served = give_bundle(
            agent=self.agent,
            run_id=run_id_of(run_id),
            token=taken["lease_token"],
            query=taken["query"],
            form=taken["format"],
            now=self.now,
        )
        response = HttpResponse(served.answer, content_type="application/json")
        response["Plumbline-Receipt"] = str(served.receipt_id)
        response["Plumbline-Snapshot-At"] = iso(served.bundle.at)
        response["Cache-Control"] = "private, no-cache"
        return response
