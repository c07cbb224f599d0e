"""The addresses of flows under /api/v1/: read, check, start, follow and cancel them; must hold no rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from agents.authentication import AuthenticatedAgent
from agents.flows.checks import check_flow
from agents.flows.mapping import map_of
from agents.flows.proposing import require_proposer
from agents.flows.reading import (
    find_flow,
    find_flow_run,
    flow_as_json,
    flow_run_as_json,
    summary_of,
    version_as_json,
    waiting_marked,
)
from agents.flows.record import RECORD
from agents.flows.secrets import issue_secret, revoke_secret
from agents.flows.serializers import (
    CancelFlowInput,
    CheckedFlowSerializer,
    CheckFlowInput,
    FlowMapSerializer,
    FlowPageSerializer,
    FlowRunPageSerializer,
    FlowRunSerializer,
    FlowSerializer,
    FlowVersionPageSerializer,
    FlowVersionSerializer,
    SecretSerializer,
    StartFlowInput,
)
from agents.flows.starting import cancel_flow_run, start_flow
from agents.models import Flow, FlowRun, FlowRunState, Scope
from config.api.described import CURSOR, IF_NONE_MATCH, LIMIT, answers, word
from config.api.fields import take
from config.api.pages import read_page
from config.api.permissions import Caller
from config.api.views import ApiView, json_response
from context.errors import NotFound
from context.models import User


class FlowView(ApiView):
    """What the addresses of flows share."""

    open_to: ClassVar[tuple[Caller, ...]] = ("person", "agent")
    agent_scope = Scope.RUNS_WRITE

    @property
    def name(self) -> str:
        user: Any = self.request.user
        return user.slug if isinstance(user, AuthenticatedAgent) else user.get_username()

    def answer_flow_run(self, effect: Callable[[], UUID], *, status: int = 200) -> HttpResponse:
        """Carry out `effect` once, and answer the started flow that it leads to."""

        def answer() -> HttpResponse:
            found = find_flow_run(principal=self.principal, flow_run_id=effect())
            shown = flow_run_as_json(principal=self.principal, flow_run=found)
            return json_response(shown, status=status, location=f"/api/v1/flow-runs/{found.pk}/")

        return self.write(answer)


def flow_run_id_of(stated: str) -> UUID:
    """The id in an address. What is no UUID names no started flow."""
    try:
        return UUID(stated)
    except ValueError as error:
        raise NotFound("There is no such flow run.") from error


class FlowsView(FlowView):
    """The flows in force."""

    parameters = ("limit", "cursor")

    @extend_schema(
        operation_id="list_flows",
        summary="List flows",
        description="An agent sees those that it may start: it holds the contracts of all steps that begin them.",
        parameters=[LIMIT, CURSOR],
        responses=answers(FlowPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = Flow.objects.visible_to(self.principal).filter(retired_at__isnull=True, current_version__isnull=False)
        found = found.select_related("owner", "domain", "current_version")
        page = read_page(found, request=self.http_request, parameters=self.query, by="slug")
        return json_response(page.rendered(flow_as_json))


class CheckFlowView(FlowView):
    """What the static checks say of a draft."""

    open_to = ("person",)
    answers_once = False  # nothing is written: asking again is harmless

    @extend_schema(
        operation_id="check_flow",
        summary="Check a flow",
        description="Shape, names, whether each hand-off fits (or is not provable to), failure modes, and whether all "
        "contracts hold today. Nothing is saved; the same checks keep a change with errors from being proposed.",
        request=CheckFlowInput,
        responses=answers(CheckedFlowSerializer),
    )
    def post(self, request: Request) -> HttpResponse:
        require_proposer(principal=self.principal, now=self.now)
        payload = RECORD.clean(take(CheckFlowInput, self.body)["payload"])
        checked = check_flow(payload, principal=self.principal)
        return json_response(
            {
                "may_be_published": checked.may_be_published,
                "problems": [each.as_json() for each in checked.problems],
                "edges": [each.as_json() for each in checked.edges],
            }
        )


class OneFlowView(FlowView):
    """One flow as it stands."""

    @extend_schema(
        operation_id="read_flow",
        summary="Read a flow",
        parameters=[IF_NONE_MATCH],
        responses=answers(FlowSerializer, etag=True),
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        return self.cacheable(flow_as_json(find_flow(principal=self.principal, slug=slug), whole=True))


class FlowVersionsView(FlowView):
    """The versions of a flow."""

    parameters = ("limit", "cursor")

    @extend_schema(
        operation_id="list_flow_versions",
        summary="List the versions of a flow",
        parameters=[LIMIT, CURSOR],
        responses=answers(FlowVersionPageSerializer),
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        flow = find_flow(principal=self.principal, slug=slug)
        page = read_page(flow.versions.all(), request=self.http_request, parameters=self.query, by="-number")
        return json_response(page.rendered(version_as_json))


class FlowVersionView(FlowView):
    """One version of a flow."""

    @extend_schema(
        operation_id="read_flow_version",
        summary="Read a version of a flow",
        parameters=[IF_NONE_MATCH],
        responses=answers(FlowVersionSerializer, etag=True),
    )
    def get(self, request: Request, slug: str, number: str) -> HttpResponse:
        flow = find_flow(principal=self.principal, slug=slug)
        version = flow.versions.filter(number=min(int(number), 2**31 - 1)).first()
        if version is None:
            raise NotFound("There is no such version.")
        return self.cacheable(version_as_json(version, whole=True))


class FlowMapView(FlowView):
    """The context-flow map."""

    @extend_schema(
        operation_id="read_flow_map",
        summary="Read the map of a flow",
        description="Triggers, steps with their agents, contracts and texts and how fresh those are, hand-offs with "
        "what was proved of them, failure modes, and what is under way. As far as you may know it.",
        responses=answers(FlowMapSerializer),
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        flow = find_flow(principal=self.principal, slug=slug)
        return json_response(map_of(principal=self.principal, flow=flow, now=self.now).as_json())


class RunsOfFlowView(FlowView):
    """Start a flow."""

    @extend_schema(
        operation_id="start_flow",
        summary="Start a flow",
        description="The flow's run, its steps and the runs of the first ones are recorded before the answer leaves; "
        "from then on nothing of it is lost. All its agents read the context of `snapshot_at`.",
        request=StartFlowInput,
        responses=answers(FlowRunSerializer, status=201),
    )
    def post(self, request: Request, slug: str) -> HttpResponse:
        def effect() -> UUID:
            value = take(StartFlowInput, self.body)["input"]
            return start_flow(actor=self.principal, name=self.name, slug=slug, value=value, now=self.now).pk

        return self.answer_flow_run(effect, status=201)


class FlowRunsView(FlowView):
    """The started flows that the caller may see."""

    parameters = ("limit", "cursor", "flow", "state")

    @extend_schema(
        operation_id="list_flow_runs",
        summary="List started flows",
        parameters=[
            LIMIT,
            CURSOR,
            word("flow", "Only of the flow of this slug."),
            word("state", "Only in this state."),
        ],
        responses=answers(FlowRunPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = waiting_marked(FlowRun.objects.visible_to(self.principal))
        state, flow = self.query.choice("state", FlowRunState.values), self.query.text("flow")
        if state:
            found = found.filter(state=state)
        if flow:
            found = found.filter(flow_version__flow__slug=flow)
        page = read_page(found, request=self.http_request, parameters=self.query, by="-id")
        return json_response(page.rendered(summary_of))


class FlowRunView(FlowView):
    """One started flow with its steps."""

    @extend_schema(
        operation_id="read_flow_run",
        summary="Read a started flow",
        parameters=[IF_NONE_MATCH],
        responses=answers(FlowRunSerializer, etag=True),
    )
    def get(self, request: Request, flow_run_id: str) -> HttpResponse:
        found = find_flow_run(principal=self.principal, flow_run_id=flow_run_id_of(flow_run_id))
        return self.cacheable(flow_run_as_json(principal=self.principal, flow_run=found))


class CancelFlowView(FlowView):
    """Stop a started flow for good."""

    @extend_schema(
        operation_id="cancel_flow_run",
        summary="Cancel a started flow",
        description="Its open runs are cancelled with it.",
        request=CancelFlowInput,
        responses=answers(FlowRunSerializer),
    )
    def post(self, request: Request, flow_run_id: str) -> HttpResponse:
        def effect() -> UUID:
            reason = take(CancelFlowInput, self.body)["reason"]
            known = flow_run_id_of(flow_run_id)
            return cancel_flow_run(actor=self.principal, flow_run_id=known, reason=reason, now=self.now).pk

        return self.answer_flow_run(effect)


class TriggerSecretView(FlowView):
    """What signs the posts to a trigger."""

    open_to = ("person",)
    answers_once = False  # an answer that is kept would keep the secret

    @extend_schema(
        operation_id="issue_trigger_secret",
        summary="Issue a secret for a trigger",
        description="Shown only now; the one before ends. For the flow's owner and administrators.",
        request=None,
        responses=answers(SecretSerializer, status=201),
    )
    def post(self, request: Request, slug: str, trigger: str) -> HttpResponse:
        actor = cast(User, self.request.user)
        return json_response(
            {"secret": issue_secret(actor=actor, slug=slug, trigger=trigger, now=self.now)}, status=201
        )

    @extend_schema(
        operation_id="revoke_trigger_secret", summary="Revoke the secret of a trigger", responses={204: None}
    )
    def delete(self, request: Request, slug: str, trigger: str) -> HttpResponse:
        revoke_secret(actor=cast(User, self.request.user), slug=slug, trigger=trigger, now=self.now)
        return HttpResponse(status=204)
