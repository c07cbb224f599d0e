"""Findings of drift over HTTP: listed, read, settled; must hold no rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from config.api.described import CURSOR, IF_NONE_MATCH, LIMIT, answers, word
from config.api.entity_tags import check_if_match, not_modified, unchanged
from config.api.fields import Input, Moment, Text, WholeNumber, take
from config.api.pages import read_page
from config.api.rendering import rendered
from config.api.views import json_response
from context.errors import InvalidInput
from context.models import User
from context.serializers.people import PersonSerializer, SensitivityField
from governance.api.base import ChangeView
from governance.drift.findings import (
    acknowledge_finding,
    assign_finding,
    dismiss_finding,
    except_finding,
    finding_of,
    resolve_finding,
)
from governance.models import Finding, FindingState, Severity
from governance.serializers.changes import NothingInput

LONGEST_REASON = 2_000
SEVERITIES = tuple(Severity(value).label for value in Severity.values)


class SettleInput(Input):
    reason = Text(max_length=LONGEST_REASON)


class ResolveInput(SettleInput):
    version = WholeNumber(required=False, allow_null=True, help_text="The version of the item that mended it.")


class DismissInput(SettleInput):
    harmless = serializers.BooleanField(required=False, help_text="It is so, but nothing has to be mended.")


class ExceptInput(SettleInput):
    until = Moment(help_text="Until when it is lived with, within a year.")


class AssignInput(Input):
    owner = Text(max_length=150, help_text="User name.")


class FindingSerializer(serializers.Serializer[Finding]):
    id = serializers.IntegerField()
    detector = serializers.CharField()
    severity = serializers.ChoiceField(choices=SEVERITIES, source="get_severity_display")
    state = serializers.ChoiceField(choices=FindingState.values)
    summary = serializers.CharField()
    subject_type = serializers.CharField()
    subject_id = serializers.CharField()
    subject_label = serializers.CharField()
    sensitivity = SensitivityField()
    domain = serializers.CharField(source="domain.slug", allow_null=True, default=None)
    owner = PersonSerializer(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    excepted_until = serializers.DateTimeField(allow_null=True)
    opened_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()
    times_opened = serializers.IntegerField()
    closed_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)


class FindingDetailSerializer(FindingSerializer):
    """With its evidence: what shows it, passage by passage and number by number."""

    evidence = serializers.JSONField()
    fingerprint = serializers.CharField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    resolved_by_version = serializers.IntegerField(allow_null=True)


class FindingPageSerializer(serializers.Serializer[Any]):
    results = FindingSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class FindingListView(ChangeView):
    """Where the context is wrong, as far as the caller may know of it: the newest first."""

    parameters = ("state", "severity", "detector", "domain", "owner", "subject", "limit", "cursor")

    @extend_schema(
        operation_id="list_findings",
        summary="List findings",
        parameters=[
            OpenApiParameter("state", str, enum=FindingState.values),
            OpenApiParameter("severity", str, enum=SEVERITIES),
            word("detector", "Name of a detector."),
            word("domain", "Slug of a domain."),
            word("owner", "User name."),
            word("subject", "An id, such as legal/liability."),
            LIMIT,
            CURSOR,
        ],
        responses=answers(FindingPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = Finding.objects.visible_to(self.principal).select_related("domain", "owner")
        severity = self.query.choice("severity", SEVERITIES)
        asked = {
            "state": self.query.choice("state", FindingState.values),
            "severity": SEVERITIES.index(severity) + 1 if severity else "",
            "detector": self.query.text("detector"),
            "domain__slug": self.query.text("domain"),
            "owner__username": self.query.text("owner"),
            "subject_id": self.query.text("subject"),
        }
        found = found.filter(**{name: value for name, value in asked.items() if value != ""})
        page = read_page(found, request=self.http_request, parameters=self.query, by="-id")
        return json_response(page.written_as(FindingSerializer))


class FindingView(ChangeView):
    """One finding with its evidence."""

    @extend_schema(
        operation_id="read_finding",
        summary="Read a finding",
        parameters=[IF_NONE_MATCH],
        responses=answers(FindingDetailSerializer, etag=True),
    )
    def get(self, request: Request, finding_id: int) -> HttpResponse:
        found = finding_of(principal=self.principal, finding_id=finding_id)
        if unchanged(self.http_request, found.etag):
            return not_modified(found.etag)
        return json_response(rendered(FindingDetailSerializer(found)), etag=found.etag)


class FindingStepView(ChangeView):
    """A step on one finding, once for an Idempotency-Key. If-Match is not asked for, but holds where it is sent."""

    def step(self, finding_id: int, effect: Callable[[int | None], object]) -> HttpResponse:
        def answer() -> HttpResponse:
            expected = None
            if "If-Match" in self.http_request.headers:
                held = finding_of(principal=self.principal, finding_id=finding_id)
                check_if_match(self.http_request, current=held.etag)
                expected = held.row_version
            effect(expected)
            found = finding_of(principal=self.principal, finding_id=finding_id)
            at = f"/api/v1/drift/findings/{finding_id}/"
            return json_response(rendered(FindingDetailSerializer(found)), etag=found.etag, location=at)

        def may_repeat(headers: Mapping[str, str]) -> None:
            finding_of(principal=self.principal, finding_id=finding_id)

        return self.write(answer, may_repeat=may_repeat)


class AcknowledgeFindingView(FindingStepView):
    @extend_schema(
        operation_id="acknowledge_finding",
        summary="Acknowledge a finding",
        request=NothingInput,
        responses=answers(FindingDetailSerializer),
    )
    def post(self, request: Request, finding_id: int) -> HttpResponse:
        def effect(expected: int | None) -> object:
            take(NothingInput, self.body)
            return acknowledge_finding(
                actor=self.principal, finding_id=finding_id, now=self.now, expected_row_version=expected
            )

        return self.step(finding_id, effect)


class ResolveFindingView(FindingStepView):
    @extend_schema(
        operation_id="resolve_finding",
        summary="Resolve a finding",
        description="The cause is gone, and why.",
        request=ResolveInput,
        responses=answers(FindingDetailSerializer),
    )
    def post(self, request: Request, finding_id: int) -> HttpResponse:
        def effect(expected: int | None) -> object:
            taken = take(ResolveInput, self.body)
            return resolve_finding(
                actor=self.principal, finding_id=finding_id, now=self.now, expected_row_version=expected, **taken
            )

        return self.step(finding_id, effect)


class DismissFindingView(FindingStepView):
    @extend_schema(
        operation_id="dismiss_finding",
        summary="Dismiss a finding",
        description="It is none, and why. The same evidence stays quiet from then on.",
        request=DismissInput,
        responses=answers(FindingDetailSerializer),
    )
    def post(self, request: Request, finding_id: int) -> HttpResponse:
        def effect(expected: int | None) -> object:
            taken = take(DismissInput, self.body)
            return dismiss_finding(
                actor=self.principal, finding_id=finding_id, now=self.now, expected_row_version=expected, **taken
            )

        return self.step(finding_id, effect)


class ExceptFindingView(FindingStepView):
    @extend_schema(
        operation_id="except_finding",
        summary="Live with a finding until a date",
        request=ExceptInput,
        responses=answers(FindingDetailSerializer),
    )
    def post(self, request: Request, finding_id: int) -> HttpResponse:
        def effect(expected: int | None) -> object:
            taken = take(ExceptInput, self.body)
            return except_finding(
                actor=self.principal, finding_id=finding_id, now=self.now, expected_row_version=expected, **taken
            )

        return self.step(finding_id, effect)


class AssignFindingView(FindingStepView):
    @extend_schema(
        operation_id="assign_finding",
        summary="Give a finding to somebody",
        request=AssignInput,
        responses=answers(FindingDetailSerializer),
    )
    def post(self, request: Request, finding_id: int) -> HttpResponse:
        def effect(expected: int | None) -> object:
            name = take(AssignInput, self.body)["owner"]
            owner = User.objects.filter(username=name).first()
            if owner is None:
                raise InvalidInput(f"There is no person {name!r}.", field="owner", fix="Send a user name.")
            return assign_finding(
                actor=self.principal, finding_id=finding_id, owner=owner, now=self.now, expected_row_version=expected
            )

        return self.step(finding_id, effect)
