"""The gap report over HTTP, as JSON and CSV, and the assignment of a gap; must hold no rule."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from agents.gap_csv import csv_of
from agents.gap_report import LONGEST_DAYS, LONGEST_NOTE, HurtingGap, assign_gap, gap_report
from agents.serializers import GAP_CODES
from config.api.described import answers, word
from config.api.fields import Input, Moment, Text, take
from config.api.rendering import rendered
from config.api.views import ApiView, json_response
from context.errors import NotFound
from context.models import User

USUAL_DAYS = 30


class HurtingGapSerializer(serializers.Serializer[HurtingGap]):
    """A requirement that was not met. `hurt` is the number that the report is ordered by."""

    requirement = serializers.CharField()
    code = serializers.ChoiceField(GAP_CODES)
    fix = serializers.CharField(allow_blank=True)
    owner = serializers.CharField(allow_null=True)
    hurt = serializers.FloatField()
    times = serializers.IntegerField()
    agents = serializers.ListField(child=serializers.CharField())
    contracts = serializers.ListField(child=serializers.CharField())
    last_at = serializers.DateTimeField()
    by_day = serializers.ListField(child=serializers.IntegerField(), help_text="Refusals a day, the oldest first.")
    finding = serializers.IntegerField(source="finding.pk", allow_null=True, default=None)


class GapReportSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    by_day = serializers.ListField(child=serializers.IntegerField())
    gaps = HurtingGapSerializer(many=True)


class AssignGapInput(Input):
    requirement = Text(max_length=200)
    code = serializers.ChoiceField(GAP_CODES)
    to = Text(max_length=150, help_text="User name of who is to fill it.")
    note = Text(max_length=LONGEST_NOTE, required=False, allow_blank=True)
    due_at = Moment(required=False, allow_null=True)


class AssignedSerializer(serializers.Serializer[Any]):
    finding = serializers.IntegerField()
    owner = serializers.CharField()
    due_at = serializers.DateTimeField(allow_null=True)


class GapReportView(ApiView):
    """What agents lacked, as far as the caller may know of them, what hurt most first."""

    parameters = ("days", "contract", "format")

    @extend_schema(
        operation_id="read_gap_report",
        summary="Read what agents lacked",
        description="A refusal counts one on its day and half as much every two weeks later; the sum is multiplied by "
        "the number of agents that were stopped.",
        parameters=[
            OpenApiParameter(
                "days", int, description=f"The last so many days, 1 to {LONGEST_DAYS}; {USUAL_DAYS} unless given."
            ),
            word("contract", "Slug of a contract, to see what it lacked alone."),
            OpenApiParameter("format", str, enum=["json", "csv"]),
        ],
        responses={(200, "application/json"): GapReportSerializer, (200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        report = gap_report(
            principal=self.principal,
            days=self.query.integer("days", default=USUAL_DAYS, minimum=1, maximum=LONGEST_DAYS),
            contract=self.query.text("contract") or None,
            now=self.now,
        )
        if self.query.choice("format", ("json", "csv")) == "csv":
            return csv_of(report)
        return json_response(rendered(GapReportSerializer(report)))


class AssignGapView(ApiView):
    """Makes a gap somebody's task."""

    @extend_schema(
        operation_id="assign_gap",
        summary="Assign a gap to be filled",
        description="Opens a finding in that person's inbox, once for each requirement and reason.",
        request=AssignGapInput,
        responses=answers(AssignedSerializer, status=201),
    )
    def post(self, request: Request) -> HttpResponse:
        def answer() -> HttpResponse:
            taken = take(AssignGapInput, self.body)
            to = User.objects.filter(username=taken["to"]).first()
            if to is None:
                raise NotFound("There is no such person.", field="to")
            finding = assign_gap(
                actor=cast(User, self.request.user),
                requirement=taken["requirement"],
                code=taken["code"],
                to=to,
                note=taken.get("note", ""),
                due_at=taken.get("due_at"),
                now=self.now,
            )
            told = {"finding": finding.pk, "owner": to.display_name, "due_at": finding.due_at}
            return json_response(rendered(AssignedSerializer(told)), status=201)

        return self.write(answer)
