"""The address of feedback, /api/v1/feedback/; must hold no rule."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from agents.feedback.reporting import LONGEST_PROPOSAL, LONGEST_TEXT, OUTCOMES, Report, report_feedback
from agents.models import Feedback, FeedbackKind, FeedbackState, Scope
from agents.runs.api import run_id_of
from config.api.described import answers
from config.api.fields import Input, Text, take
from config.api.views import ApiView, json_response
from context.digests import iso


class FeedbackInput(Input):
    kind = serializers.ChoiceField(FeedbackKind.values)
    text = Text(max_length=LONGEST_TEXT)
    about = Text(max_length=200, required=False, default="", allow_blank=True)
    other = Text(max_length=200, required=False, default="", allow_blank=True)
    contract = Text(max_length=60, required=False, default="", allow_blank=True)
    run = Text(max_length=36, required=False, allow_null=True, default=None)
    proposal = Text(max_length=LONGEST_PROPOSAL, required=False, default="", allow_blank=True)
    outcome = serializers.ChoiceField(("", *OUTCOMES), required=False, default="")


class EchoSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    version = serializers.IntegerField()


class FeedbackSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(FeedbackKind.values)
    state = serializers.ChoiceField(FeedbackState.values)
    times = serializers.IntegerField()
    served_share = serializers.FloatField()
    echoes = EchoSerializer(many=True)
    finding = serializers.IntegerField(allow_null=True)
    first_said_at = serializers.DateTimeField()
    last_said_at = serializers.DateTimeField()


def feedback_as_json(feedback: Feedback) -> dict[str, Any]:
    """What became of what was said; not the words, which who said them knows."""
    return {
        "id": feedback.pk,
        "kind": feedback.kind,
        "state": feedback.state,
        "times": feedback.times,
        "served_share": feedback.served_share,
        "echoes": feedback.echoes,
        "finding": feedback.finding_id,
        "first_said_at": iso(feedback.first_said_at),
        "last_said_at": iso(feedback.last_said_at),
    }


class FeedbackView(ApiView):
    """Say what was missing, contradictory or wrong, or how it went."""

    open_to = ("person", "agent")
    agent_scope = Scope.FEEDBACK_WRITE

    @extend_schema(
        operation_id="report_feedback",
        summary="Report feedback",
        description="Becomes a finding with its evidence, once however often it is said. What only repeats texts that "
        "the agent was served is kept as an `echo`, and becomes nothing.",
        request=FeedbackInput,
        responses=answers(FeedbackSerializer, status=201),
    )
    def post(self, request: Request) -> HttpResponse:
        def effect() -> HttpResponse:
            taken = take(FeedbackInput, self.body)
            run = taken.pop("run")
            report = Report(**taken, run=run_id_of(run) if run is not None else None)
            made = report_feedback(actor=self.principal, report=report, now=self.now)
            return json_response(feedback_as_json(made), status=201)

        return self.write(effect)
