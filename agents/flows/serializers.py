"""What the addresses of flows take and answer, in JSON; must hold no rule and make no query."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents.models import FlowEventState, FlowRunState, FlowStepState, RunState, TryBecause
from config.api.fields import Input, Text

VERDICTS = ("fits", "does_not_fit", "not_provable")


class StartFlowInput(Input):
    input = serializers.JSONField(required=False, allow_null=True, default=None)


class CancelFlowInput(Input):
    reason = Text(max_length=500)


class CheckFlowInput(Input):
    payload = serializers.DictField(help_text="The flow as a change would say it: docs/flows.md.")


class FlowSummarySerializer(serializers.Serializer[Any]):
    slug = serializers.SlugField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    owner = serializers.CharField()
    domain = serializers.CharField(allow_null=True)
    sensitivity = serializers.CharField()
    version = serializers.IntegerField()
    digest = serializers.CharField()
    published_at = serializers.DateTimeField()
    retired_at = serializers.DateTimeField(allow_null=True)


class FlowSerializer(FlowSummarySerializer):
    input_schema = serializers.JSONField()
    steps = serializers.ListField(child=serializers.DictField())
    output = serializers.ListField(child=serializers.DictField())
    triggers = serializers.ListField(child=serializers.DictField())


class FlowPageSerializer(serializers.Serializer[Any]):
    results = FlowSummarySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class FlowVersionSummarySerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    digest = serializers.CharField()
    change = serializers.IntegerField()
    author = serializers.CharField()
    approved_by = serializers.ListField(child=serializers.CharField())
    published_at = serializers.DateTimeField()


class FlowVersionSerializer(FlowVersionSummarySerializer):
    payload = serializers.DictField()


class FlowVersionPageSerializer(serializers.Serializer[Any]):
    results = FlowVersionSummarySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class FlowProblemSerializer(serializers.Serializer[Any]):
    level = serializers.ChoiceField(("error", "warning", "note"))
    code = serializers.CharField()
    place = serializers.CharField()
    message = serializers.CharField()
    fix = serializers.CharField()


class DoubtSerializer(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(VERDICTS)
    place = serializers.CharField(help_text="A JSON pointer into what is handed on; * is any element.")
    why = serializers.CharField()


class FlowEdgeSerializer(serializers.Serializer[Any]):
    to = serializers.CharField()
    verdict = serializers.ChoiceField(VERDICTS)
    doubts = DoubtSerializer(many=True)
    failure = serializers.CharField(allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `from` is a word of Python.
        source = serializers.CharField(help_text="`input`, `trigger:<name>` or a step.")
        return {"from": source, **super().get_fields()}


class CheckedFlowSerializer(serializers.Serializer[Any]):
    may_be_published = serializers.BooleanField()
    problems = FlowProblemSerializer(many=True)
    edges = FlowEdgeSerializer(many=True)


class FlowTrySerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    because = serializers.ChoiceField(TryBecause.values)
    state = serializers.ChoiceField(RunState.values)
    run = serializers.UUIDField(allow_null=True)
    agent = serializers.CharField(allow_null=True)
    why = serializers.CharField()
    opened_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class FlowStepSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # JSON has this field
    state = serializers.ChoiceField(FlowStepState.values)
    after = serializers.ListField(child=serializers.CharField())
    task_type = serializers.CharField()
    contract = serializers.CharField()
    input = serializers.JSONField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    runs = FlowTrySerializer(many=True)


class FlowRunSummarySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    flow = serializers.SlugField()
    flow_version = serializers.IntegerField()
    state = serializers.ChoiceField(FlowRunState.values)
    waits_for_person = serializers.BooleanField()
    requested_by = serializers.CharField()
    snapshot_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class FlowRunSerializer(FlowRunSummarySerializer):
    trigger = serializers.CharField(allow_null=True)
    event = serializers.CharField(allow_null=True)
    withheld = serializers.BooleanField()
    input = serializers.JSONField(allow_null=True)
    output = serializers.JSONField(allow_null=True)
    reasons = serializers.ListField(child=serializers.DictField())
    steps = FlowStepSerializer(many=True)


class FlowRunPageSerializer(serializers.Serializer[Any]):
    results = FlowRunSummarySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class FlowMapSerializer(serializers.Serializer[Any]):
    slug = serializers.SlugField()
    version = serializers.IntegerField()
    at = serializers.DateTimeField()
    running = serializers.IntegerField()
    waiting_for_people = serializers.IntegerField()
    triggers = serializers.ListField(child=serializers.DictField())
    steps = serializers.ListField(child=serializers.DictField())
    edges = FlowEdgeSerializer(many=True)
    problems = FlowProblemSerializer(many=True)


class SecretSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="Signs what is posted to the trigger; shown only now.")


class TakenEventSerializer(serializers.Serializer[Any]):
    event = serializers.CharField()
    state = serializers.ChoiceField(FlowEventState.values)
    flow_run = serializers.UUIDField(allow_null=True)
