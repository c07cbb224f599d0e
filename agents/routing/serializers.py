"""How routing reads in the API's description, and rule sets in JSON; must hold no rule."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents.models import RuleSet
from context.digests import iso
from context.models import Sensitivity

KINDS = ("agent", "human", "refuse")


class QuestionSerializer(serializers.Serializer[Any]):
    rule_set = serializers.SlugField(
        max_length=60, required=False, help_text="Which rule set; else the one that declares the type of task."
    )
    task_type = serializers.SlugField(max_length=60, required=False, help_text="Else told from the text by rules.")
    task = serializers.JSONField(required=False, help_text="The task; rules ask about its declared fields.")
    text = serializers.CharField(required=False, max_length=200_000, help_text="Free text to tell the type from.")
    run = serializers.CharField(required=False, max_length=64, help_text="What weights are drawn from.")


class OutcomeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(KINDS)
    code = serializers.CharField()
    rule = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    agent = serializers.SlugField(required=False)
    contract = serializers.SlugField(required=False)
    fallbacks = serializers.ListField(child=serializers.DictField(), required=False)
    to = serializers.CharField(required=False, help_text="Which person decides.")
    wait_until = serializers.DateTimeField(required=False)
    gaps = serializers.ListField(child=serializers.DictField(), required=False)
    left_out = serializers.ListField(child=serializers.DictField(), required=False)


class TraceSerializer(serializers.Serializer[Any]):
    rule = serializers.IntegerField()
    name = serializers.CharField()
    matched = serializers.BooleanField()
    why = serializers.CharField()


class RuleSetReferenceSerializer(serializers.Serializer[Any]):
    slug = serializers.SlugField()
    version = serializers.IntegerField()
    digest = serializers.CharField()


class _DecidedSerializer(serializers.Serializer[Any]):
    outcome = OutcomeSerializer()
    digest = serializers.CharField(help_text="SHA-256 over the canonical JSON of outcome and rules tried.")
    rule_set = RuleSetReferenceSerializer()
    task_type = serializers.CharField(allow_null=True)
    facts = serializers.DictField()
    agents = serializers.ListField(child=serializers.DictField())
    trace = TraceSerializer(many=True)
    names_withheld = serializers.BooleanField(help_text="Whether names of texts were left out of what you see.")


class AnswerSerializer(_DecidedSerializer):
    run = serializers.CharField()
    at = serializers.DateTimeField()


class DecisionSerializer(_DecidedSerializer):
    id = serializers.IntegerField()
    run = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField()
    asked_by = serializers.DictField()


class DecisionSummarySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(KINDS)
    agent = serializers.CharField(allow_null=True)
    rule = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    rule_set = RuleSetReferenceSerializer()
    task_type = serializers.CharField(allow_null=True)
    run = serializers.CharField(allow_null=True)
    digest = serializers.CharField()
    decided_at = serializers.DateTimeField()


class DecisionPageSerializer(serializers.Serializer[Any]):
    results = DecisionSummarySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class ReplaySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    same = serializers.BooleanField()
    recorded_digest = serializers.CharField()
    digest = serializers.CharField()


class RuleSetSummarySerializer(serializers.Serializer[Any]):
    slug = serializers.SlugField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    owner = serializers.CharField()
    domain = serializers.CharField(allow_null=True)
    sensitivity = serializers.CharField()
    version = serializers.IntegerField()
    digest = serializers.CharField()
    published_at = serializers.DateTimeField()


class RuleSetSerializer(RuleSetSummarySerializer):
    task_types = serializers.ListField(child=serializers.DictField())
    fields = serializers.ListField(child=serializers.DictField())  # type: ignore[assignment]  # JSON has this field
    rules = serializers.ListField(child=serializers.DictField())
    otherwise = serializers.DictField()
    classifier = serializers.CharField()


class RuleSetPageSerializer(serializers.Serializer[Any]):
    results = RuleSetSummarySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


def rule_set_as_json(rule_set: RuleSet, *, whole: bool = False) -> dict[str, Any]:
    version = rule_set.current_version
    if version is None:
        raise ValueError("a rule set that is shown has a version")
    told = {
        "slug": rule_set.slug,
        "name": rule_set.name,
        "purpose": rule_set.purpose,
        "owner": rule_set.owner.display_name,
        "domain": rule_set.domain.slug if rule_set.domain else None,
        "sensitivity": Sensitivity(rule_set.sensitivity).word,
        "version": version.number,
        "digest": version.digest,
        "published_at": iso(version.published_at),
    }
    if whole:
        told |= {name: version.payload[name] for name in ("task_types", "fields", "rules", "otherwise", "classifier")}
    return told
