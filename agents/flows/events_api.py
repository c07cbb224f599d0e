"""POST /api/v1/flows/{slug}/events/{trigger}/: signed by a secret instead of a key, so a plain view; holds no rule."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from agents.api import BODY_LIMIT, REFUSALS, described_by, problem_of, require_method
from agents.flows.secrets import signed_flow
from agents.flows.serializers import TakenEventSerializer
from agents.flows.triggers import take_event
from config.api.bodies import read_json
from config.api.views import ApiView, json_response
from context.access import SYSTEM
from context.row_security import reading_as


@csrf_exempt
def event(request: HttpRequest, slug: str, trigger: str) -> HttpResponse:
    """Start a flow by a signed event. The signature is judged before anything of the body is read."""
    try:
        require_method(request, "POST")
        now = timezone.now()
        with reading_as(SYSTEM):
            flow = signed_flow(
                slug=slug,
                trigger=trigger,
                body=request.body,
                signature=request.headers.get("Plumbline-Signature", ""),
                now=now,
            )
            taken = take_event(flow=flow, trigger=trigger, body=read_json(request, limit=BODY_LIMIT), now=now)
    except REFUSALS as raised:
        return problem_of(raised, request, allow="POST")
    told: dict[str, Any] = {
        "event": taken.event.event_id,
        "state": taken.event.state,
        "flow_run": str(taken.event.flow_run_id) if taken.event.flow_run_id else None,
    }
    return json_response(told, status=202 if taken.new else 200)


class EventDescribed(ApiView):
    """How `event` reads in the API's description; the view above serves it."""

    authentication_classes = []
    answers_once = False  # the id of the event does that

    @extend_schema(
        operation_id="take_flow_event",
        summary="Start a flow by an event",
        description="The body is a JSON object with an `id`: each id starts the flow once, and tells the same run "
        "again. Anything that is not signed rightly within five minutes reads the same: 401.",
        request={"application/json": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}},
        responses={200: TakenEventSerializer, 202: TakenEventSerializer},
        auth=[{"triggerSignature": []}],  # type: ignore[list-item]  # a requirement, as OpenAPI has it
    )
    def post(self, request: Request, slug: str, trigger: str) -> HttpResponse:
        return event(request._request, slug, trigger)


DESCRIBED_EVENT = described_by(event, EventDescribed)
