"""What the addresses of runs take and answer, in JSON; must hold no rule and make no query."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from agents.models import Operation, RunReviewDecision, RunState, StepState
from agents.runs.leases import DEFAULT_LEASE, LONGEST_LEASE, SHORTEST_LEASE
from agents.runs.pausing import CHOICES
from agents.runs.starting import MOST_ATTEMPTS
from config.api.fields import Input, Moment, Text, WholeNumber
from context.search import LONGEST_QUERY

LONGEST_TOKEN = 60


class StartInput(Input):
    task_type = Text(max_length=60, required=False, allow_null=True, default=None)
    task = serializers.JSONField(required=False, allow_null=True, default=None)
    text = Text(max_length=200_000, required=False, default="", allow_blank=True)
    rule_set = Text(max_length=60, required=False, allow_null=True, default=None)
    domain = Text(max_length=60, required=False, allow_null=True, default=None)
    token_budget = WholeNumber(required=False, allow_null=True, default=None, min_value=1, max_value=10**12)
    cost_budget = serializers.DecimalField(
        required=False, allow_null=True, default=None, max_digits=14, decimal_places=6, min_value=Decimal("0.000001")
    )
    most_attempts = WholeNumber(required=False, default=3, min_value=1, max_value=MOST_ATTEMPTS)
    due_at = Moment(required=False, allow_null=True, default=None)


class ClaimInput(Input):
    lease_seconds = WholeNumber(
        required=False, default=DEFAULT_LEASE, min_value=SHORTEST_LEASE, max_value=LONGEST_LEASE
    )


class LeaseInput(Input):
    lease_token = Text(max_length=LONGEST_TOKEN)


class StepInput(LeaseInput):
    key = Text(max_length=120)
    operation = serializers.ChoiceField(Operation.values)
    name = Text(max_length=120)
    state = serializers.ChoiceField(StepState.values, required=False, default=StepState.DONE)
    input = serializers.JSONField(required=False, allow_null=True, default=None)
    output = serializers.JSONField(required=False, allow_null=True, default=None)
    error = serializers.JSONField(required=False, allow_null=True, default=None)
    tool_calls = serializers.ListField(child=serializers.DictField(), required=False, default=list, max_length=100)
    attributes = serializers.DictField(
        required=False, default=dict, help_text="What else is known by OpenTelemetry's GenAI names."
    )
    model = Text(max_length=120, required=False, default="", allow_blank=True)
    input_tokens = WholeNumber(required=False, default=0, min_value=0, max_value=10**9)
    output_tokens = WholeNumber(required=False, default=0, min_value=0, max_value=10**9)
    cost = serializers.DecimalField(required=False, default=Decimal(0), max_digits=14, decimal_places=6, min_value=0)
    started_at = Moment(required=False, default=None, allow_null=True)
    ended_at = Moment(required=False, default=None, allow_null=True)


class CompleteInput(LeaseInput):
    output = serializers.JSONField(allow_null=True)


class FailInput(LeaseInput):
    cause = Text(max_length=60)
    detail = Text(max_length=2_000)
    retryable = serializers.BooleanField(required=False, default=True)


class HandOffInput(LeaseInput):
    to = Text(max_length=60)
    contract = Text(max_length=60)
    reason = Text(max_length=500, required=False, default="", allow_blank=True)
    payload = serializers.JSONField(required=False, allow_null=True, default=None)
    choice = serializers.ChoiceField(CHOICES, required=False, default="", allow_blank=True)


class PauseInput(Input):
    lease_token = Text(max_length=LONGEST_TOKEN, required=False, default="", allow_blank=True)
    reason = Text(max_length=500)


class ResumeInput(Input):
    choice = serializers.ChoiceField(CHOICES, required=False, default="", allow_blank=True)


class RunReviewInput(Input):
    decision = serializers.ChoiceField(RunReviewDecision.values)
    comment = Text(max_length=2_000, required=False, default="", allow_blank=True)
    digest = Text(max_length=64, required=False, default="", allow_blank=True)
    output = serializers.JSONField(required=False, allow_null=True, default=None)
    agent = Text(max_length=60, required=False, default="", allow_blank=True)
    contract = Text(max_length=60, required=False, default="", allow_blank=True)


class BundleInput(LeaseInput):
    query = Text(max_length=LONGEST_QUERY, required=False, default="", allow_blank=True)
    format = serializers.ChoiceField(("json", "markdown"), required=False, default="json")


class CancelInput(Input):
    reason = Text(max_length=500)


class StepSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    operation = serializers.ChoiceField(Operation.values)
    name = serializers.CharField()
    state = serializers.ChoiceField(StepState.values)
    input = serializers.JSONField(allow_null=True)
    output = serializers.JSONField(allow_null=True)
    error = serializers.JSONField(allow_null=True)
    tool_calls = serializers.ListField(child=serializers.DictField())
    attributes = serializers.DictField()
    model = serializers.CharField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = serializers.CharField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    digest = serializers.CharField()


class RunSummarySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    task_type = serializers.CharField()
    state = serializers.ChoiceField(RunState.values)
    agent = serializers.CharField(allow_null=True)
    contract = serializers.CharField(allow_null=True)
    contract_version = serializers.IntegerField(allow_null=True)
    domain = serializers.CharField(allow_null=True)
    requested_by = serializers.CharField()
    attempt = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = serializers.CharField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class RunBundleSerializer(serializers.Serializer[Any]):
    digest = serializers.CharField()
    agent = serializers.CharField()
    given_at = serializers.DateTimeField()


class RunSerializer(RunSummarySerializer):
    snapshot_at = serializers.DateTimeField()
    most_attempts = serializers.IntegerField()
    not_before = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True)
    token_budget = serializers.IntegerField(allow_null=True)
    cost_budget = serializers.CharField(allow_null=True)
    fallbacks = serializers.ListField(child=serializers.DictField())
    withheld = serializers.BooleanField()
    task = serializers.JSONField(allow_null=True)
    output = serializers.JSONField(allow_null=True)
    output_digest = serializers.CharField(allow_null=True)
    reasons = serializers.ListField(child=serializers.DictField())
    bundles = RunBundleSerializer(many=True)
    hand_offs = serializers.ListField(child=serializers.DictField())
    steps = StepSerializer(many=True)


class RunPageSerializer(serializers.Serializer[Any]):
    results = RunSummarySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class LeaseSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    number = serializers.IntegerField()
    expires_at = serializers.DateTimeField()


class ClaimSerializer(serializers.Serializer[Any]):
    run = RunSerializer(allow_null=True)
    lease = LeaseSerializer(allow_null=True)


class HeartbeatSerializer(serializers.Serializer[Any]):
    expires_at = serializers.DateTimeField()
