"""How contracts, availability and bundles read in JSON; must hold no rule and make no query."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents.models import ContextContract, WhenIncomplete
from context.availability import Availability
from context.digests import iso
from context.search import LONGEST_QUERY

GAP_CODES = ("missing", "stale", "unverified", "contradicted", "over_budget")


class ContractSummarySerializer(serializers.Serializer[ContextContract]):
    slug = serializers.SlugField()
    name = serializers.CharField()
    purpose = serializers.CharField()
    owner = serializers.CharField(source="owner.display_name")
    domain = serializers.CharField(source="domain.slug", allow_null=True, default=None)
    version = serializers.IntegerField(source="current_version.number")
    digest = serializers.CharField(source="current_version.digest")


class ContractSerializer(ContractSummarySerializer):
    requirements = serializers.ListField(child=serializers.DictField(), source="current_version.requirements")
    token_budget = serializers.IntegerField(source="current_version.token_budget")
    tokenizer = serializers.CharField(source="current_version.tokenizer")
    most_matches = serializers.IntegerField(source="current_version.most_matches")
    when_incomplete = serializers.ChoiceField(WhenIncomplete.values, source="current_version.when_incomplete")
    escalation_days = serializers.IntegerField(source="current_version.escalation_days")
    task_schema = serializers.JSONField(source="current_version.task_schema", allow_null=True)
    output_schema = serializers.JSONField(source="current_version.output_schema", allow_null=True)
    output_checks = serializers.ListField(child=serializers.DictField(), source="current_version.output_checks")
    sensitivity = serializers.CharField(source="get_sensitivity_display", help_text="Of the contract, not its texts.")
    created_at = serializers.DateTimeField(source="current_version.created_at")
    change = serializers.IntegerField(source="current_version.change_number")
    author = serializers.CharField(source="current_version.author_label")
    approvals = serializers.ListField(child=serializers.DictField(), source="current_version.approvals")
    retired_at = serializers.DateTimeField(allow_null=True)


class ContractPageSerializer(serializers.Serializer[Any]):
    results = ContractSummarySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class GapSerializer(serializers.Serializer[Any]):
    requirement = serializers.CharField()
    code = serializers.ChoiceField(GAP_CODES)
    owner = serializers.CharField(allow_null=True)
    fix = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # JSON has a field of that name


class AvailableTextSerializer(serializers.Serializer[Any]):
    requirement = serializers.CharField()
    key = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()
    valid_until = serializers.DateTimeField(allow_null=True)


class AvailabilitySerializer(serializers.Serializer[Any]):
    contract = serializers.SlugField()
    version = serializers.IntegerField()
    at = serializers.DateTimeField()
    complete = serializers.BooleanField(help_text="Whether every required requirement is met.")
    available = AvailableTextSerializer(many=True)
    gaps = GapSerializer(many=True)


class BundleRequestSerializer(serializers.Serializer[Any]):
    contract = serializers.SlugField(max_length=60)
    task = serializers.JSONField(required=False, help_text="By the contract's task schema.")
    query = serializers.CharField(required=False, max_length=LONGEST_QUERY)
    as_of = serializers.DateTimeField(required=False)
    token_budget = serializers.IntegerField(required=False, min_value=1, help_text="At most the contract's.")
    format = serializers.ChoiceField(("json", "markdown"), required=False)


class ApprovalSerializer(serializers.Serializer[Any]):
    approver = serializers.CharField()
    at = serializers.CharField()


class EntrySerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    version = serializers.IntegerField()
    digest = serializers.CharField()
    title = serializers.CharField()
    text = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]  # JSON has a field of that name
    kind = serializers.CharField()
    sensitivity = serializers.CharField()
    why = serializers.ChoiceField(("required", "optional", "match", "definition"))
    requirement = serializers.CharField(allow_null=True)
    heading_path = serializers.CharField()
    published_at = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(allow_null=True)
    author = serializers.CharField()
    approvals = ApprovalSerializer(many=True)
    citation = serializers.CharField()


class BundleSerializer(serializers.Serializer[Any]):
    """SHA-256 over the RFC 8785 form of everything but `digest` is `digest`."""

    digest = serializers.CharField()
    agent = serializers.SlugField()
    contract = serializers.DictField()
    as_of = serializers.DateTimeField(allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True)
    format = serializers.ChoiceField(("json", "markdown"))
    entries = EntrySerializer(many=True)
    gaps = GapSerializer(many=True)
    manifest = serializers.DictField()
    markdown = serializers.CharField(required=False)


class EscalatedSerializer(serializers.Serializer[Any]):
    requirement = serializers.CharField()
    code = serializers.ChoiceField(GAP_CODES)
    to = serializers.CharField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)


class RefusalSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    fix = serializers.CharField()
    gaps = GapSerializer(many=True)
    escalated = EscalatedSerializer(
        many=True, required=False, help_text="Where the contract asks a person: whom, and until when."
    )


def render_availability(contract: ContextContract, number: int, available: Availability) -> dict[str, Any]:
    return {
        "contract": contract.slug,
        "version": number,
        "at": iso(available.at),
        "complete": available.complete,
        "available": [
            {
                "requirement": each.requirement.name,
                "key": each.key,
                "version": each.number,
                "title": each.title,
                "valid_until": iso(each.valid_until) if each.valid_until else None,
            }
            for each in available.chosen
        ],
        "gaps": [gap.as_json() for gap in available.gaps],
    }
