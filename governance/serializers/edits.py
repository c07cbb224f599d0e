"""Edits as they are sent and shown, and what they change; must hold no rule (governance/proposals.py does)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.fields import Input, MomentText, Structure, Text, WholeNumber
from config.api.rendering import rendered
from context.models import RelationType
from context.serializers.people import SENSITIVITIES, PersonSerializer
from context.serializers.versions import TextDiffSerializer
from governance.edits import EditInput
from governance.models import ITEM, Edit, Operation
from governance.payload_fields import (
    LONGEST_BODY,
    LONGEST_INTERVAL_DAYS,
    LONGEST_KEY,
    LONGEST_TAG,
    LONGEST_TITLE,
    MOST_PEOPLE,
    MOST_RELATIONS,
    MOST_TAGS,
    SOURCE_FIELDS,
)
from governance.proposals import FIELDS

LONGEST_NAME = 150
LONGEST_SLUG = 60
HIGHEST_NUMBER = 2_147_483_647
MOST_CLAIMS = 1_000


class RelationInput(Input):
    type = serializers.ChoiceField(choices=RelationType.values)
    key = Text(max_length=LONGEST_KEY)


class SourceInput(Input):
    """The system of record that the text comes from."""

    kind = Text(max_length=SOURCE_FIELDS["kind"], required=False, allow_blank=True)
    uri = Text(max_length=SOURCE_FIELDS["uri"], required=False, allow_blank=True)
    fingerprint = Text(max_length=SOURCE_FIELDS["fingerprint"], required=False, allow_blank=True)


class ProposedInput(Input):
    """What the item would say. A revision may leave out what stays as it is."""

    kind = Text(max_length=LONGEST_SLUG, required=False, help_text="Slug of a kind; needed to create.")
    domain = Text(max_length=LONGEST_SLUG, required=False, help_text="Slug of a domain; needed to create.")
    title = Text(max_length=LONGEST_TITLE, required=False)
    body = Text(max_length=LONGEST_BODY, required=False, allow_blank=True, help_text="Markdown.")
    data = Structure(required=False, help_text="By the JSON Schema of the kind.")  # type: ignore[assignment]
    claims = serializers.ListField(child=Structure(), required=False, max_length=MOST_CLAIMS)
    locale = Text(max_length=35, required=False, help_text="A language tag, such as en or de.")
    valid_from = MomentText(required=False, allow_null=True, help_text="When it becomes true; null: when published.")
    valid_to = MomentText(required=False, allow_null=True, help_text="When it ceases to be true; null: never planned.")
    owner = Text(max_length=LONGEST_NAME, required=False, allow_null=True, help_text="A user name.")
    stewards = serializers.ListField(child=Text(max_length=LONGEST_NAME), required=False, max_length=MOST_PEOPLE)
    sensitivity = serializers.ChoiceField(choices=SENSITIVITIES, required=False)
    audiences = serializers.ListField(child=Text(max_length=LONGEST_NAME), required=False, max_length=MOST_PEOPLE)
    tags = serializers.ListField(child=Text(max_length=LONGEST_TAG), required=False, max_length=MOST_TAGS)
    review_interval_days = WholeNumber(required=False, min_value=1, max_value=LONGEST_INTERVAL_DAYS)
    relations = serializers.ListField(child=RelationInput(), required=False, max_length=MOST_RELATIONS)
    source = SourceInput(required=False, allow_null=True)  # type: ignore[assignment]


class PutEditInput(ProposedInput):
    """An edit of the item that the address names."""

    op = serializers.ChoiceField(choices=Operation.values)
    base_version = WholeNumber(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=HIGHEST_NUMBER,
        help_text="The version it was made on; refused (409) where a newer one is published.",
    )
    revert_to = WholeNumber(required=False, allow_null=True, min_value=1, max_value=HIGHEST_NUMBER)
    replaced_by = Text(
        max_length=LONGEST_KEY, required=False, allow_null=True, help_text="The key that takes a retired item's place."
    )


class EditItemInput(PutEditInput):
    """An edit. `key` may be left out to create an item: it is made from the title.

    Other records than items (contracts among them) say what they would be in `payload`, and take no other field of
    an item's.
    """

    record = Text(max_length=30, required=False, help_text="item (the default), or such as contract.")
    key = Text(max_length=LONGEST_KEY, required=False, allow_blank=True)
    payload = Structure(required=False, help_text="For a record that is not an item: what it would say.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        of_item = attrs.get("record", ITEM) == ITEM
        misplaced = ("payload",) if of_item else (*FIELDS, "replaced_by")
        for name in misplaced:
            if name in attrs:
                where = "beside op" if of_item else "in payload"
                raise serializers.ValidationError({name: [f"Say what it would be {where}."]})
        return attrs


class PutRecordInput(Input):
    """An edit of the record that the address names."""

    op = serializers.ChoiceField(choices=Operation.values)
    payload = Structure(required=False, help_text="A revision may leave out what stays as it is.")
    base_version = WholeNumber(required=False, allow_null=True, min_value=1, max_value=HIGHEST_NUMBER)
    revert_to = WholeNumber(required=False, allow_null=True, min_value=1, max_value=HIGHEST_NUMBER)


def edit_input(taken: Mapping[str, Any], *, key: str | None = None) -> EditInput:
    """What the domain takes, from checked input."""
    record = taken.get("record", ITEM)
    return EditInput(
        operation=taken["op"],
        record=record,
        key=taken.get("key", "") if key is None else key,
        payload={name: taken[name] for name in FIELDS if name in taken} if record == ITEM else taken.get("payload", {}),
        base_version=taken.get("base_version"),
        revert_to=taken.get("revert_to"),
        replaced_by=taken.get("replaced_by"),
    )


class EditHeadSerializer(serializers.Serializer[Edit]):
    """An edit without what it proposes. `kind` is of items; `domain` may be none for other records."""

    record = serializers.CharField()
    key = serializers.CharField()
    op = serializers.ChoiceField(choices=Operation.values, source="operation")
    kind = serializers.SerializerMethodField()
    domain = serializers.SerializerMethodField()
    title = serializers.SerializerMethodField()
    base_version = serializers.IntegerField(allow_null=True)
    edited_by = PersonSerializer()
    edited_at = serializers.DateTimeField()

    def get_title(self, edit: Edit) -> str:
        return edit.label

    def get_kind(self, edit: Edit) -> str | None:
        return edit.kind.slug if edit.kind is not None else None

    def get_domain(self, edit: Edit) -> str | None:
        return edit.domain.slug if edit.domain is not None else None


class EditSerializer(EditHeadSerializer):
    """An edit with the whole state that it proposes; for a retirement, what takes the item's place."""

    proposed = serializers.DictField(source="shown_payload")


class EditPageSerializer(serializers.Serializer[Any]):
    results = EditSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class DifferenceSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class EditComparisonSerializer(serializers.Serializer[Any]):
    """What an edit changes: the text by word, the rest by field."""

    edit = serializers.SerializerMethodField()
    body = TextDiffSerializer()
    fields_changed = DifferenceSerializer(many=True, source="fields")

    @extend_schema_field(EditHeadSerializer)
    def get_edit(self, comparison: Any) -> dict[str, Any]:
        return rendered(EditHeadSerializer(comparison.edit))


class EditComparisonPageSerializer(serializers.Serializer[Any]):
    results = EditComparisonSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)
