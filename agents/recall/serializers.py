"""What the addresses of recalls take and answer, in JSON; must hold no rule and make no query."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents.models import RecallEntryState, RunState
from agents.recall.cases import LONGEST_REASON
from agents.recall.settling import MOST_AT_ONCE
from config.api.fields import Input, Text, WholeNumber

SETTLED = (RecallEntryState.ACCEPTED, RecallEntryState.RERUN)


class OpenCaseInput(Input):
    item = Text(max_length=200)
    version = WholeNumber(min_value=1, max_value=2**31 - 1)
    reason = Text(max_length=LONGEST_REASON)


class SettleInput(Input):
    entries = serializers.ListField(
        child=WholeNumber(min_value=1, max_value=2**63 - 1), min_length=1, max_length=MOST_AT_ONCE
    )
    state = serializers.ChoiceField(SETTLED)
    note = Text(max_length=LONGEST_REASON, required=False, default="", allow_blank=True)


class NothingInput(Input):
    pass


class TracedAgentSerializer(serializers.Serializer[Any]):
    agent = serializers.CharField()
    owner = serializers.CharField()
    times = serializers.IntegerField()
    last_given_at = serializers.DateTimeField()


class FootprintSerializer(serializers.Serializer[Any]):
    runs = serializers.IntegerField()
    steps = serializers.IntegerField(help_text="Those that went on once their run had been given the version.")
    decisions = serializers.IntegerField()
    agents = TracedAgentSerializer(many=True)


class CaseSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    item = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()
    reason = serializers.CharField()
    opened_by = serializers.CharField()
    opened_at = serializers.DateTimeField()
    closed_by = serializers.CharField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    entries = serializers.IntegerField()
    open = serializers.IntegerField()


class CasePageSerializer(serializers.Serializer[Any]):
    results = CaseSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class RecallEntrySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    agent = serializers.CharField()
    run = serializers.UUIDField(allow_null=True, help_text="Null where the agent had the text outside a run.")
    withheld = serializers.BooleanField(help_text="Whether there is a run that you may not see.")
    task_type = serializers.CharField(allow_null=True)
    run_state = serializers.ChoiceField(RunState.values, allow_null=True)
    steps = serializers.IntegerField(allow_null=True)
    decisions = serializers.ListField(child=serializers.IntegerField())
    first_given_at = serializers.DateTimeField()
    last_given_at = serializers.DateTimeField()
    times = serializers.IntegerField()
    state = serializers.ChoiceField(RecallEntryState.values)
    note = serializers.CharField()
    settled_by = serializers.CharField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)
    new_run = serializers.UUIDField(allow_null=True)


class RecallEntryPageSerializer(serializers.Serializer[Any]):
    results = RecallEntrySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class NotSettledSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    type = serializers.CharField()
    detail = serializers.CharField()
    fix = serializers.CharField(allow_null=True)


class SettledSerializer(serializers.Serializer[Any]):
    settled = serializers.ListField(child=serializers.IntegerField())
    not_settled = NotSettledSerializer(many=True)


class ExtendedSerializer(serializers.Serializer[Any]):
    entries = serializers.IntegerField(help_text="How many came to the case.")
