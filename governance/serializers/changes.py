"""Changes with their reviews, as they are sent and shown; must hold no rule."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.api.fields import Input, Moment, Text
from context.serializers.people import PersonSerializer
from governance.approvability import stuck_stages
from governance.changes import LONGEST_REASON, MOST_EDITS
from governance.models import Change, ChangeState, Decision, Review
from governance.payload_fields import LONGEST_TITLE
from governance.reviews import LONGEST_COMMENT, approval_progress
from governance.serializers.edits import EditItemInput

DIGEST = r"^[0-9a-f]{64}$"


class NewChangeInput(Input):
    title = Text(max_length=LONGEST_TITLE)
    reason = Text(max_length=LONGEST_REASON)
    edits = serializers.ListField(child=EditItemInput(), required=False, max_length=MOST_EDITS)


class DescriptionInput(Input):
    title = Text(max_length=LONGEST_TITLE, required=False)
    reason = Text(max_length=LONGEST_REASON, required=False)


class NothingInput(Input):
    """No field is taken."""


class CommentInput(Input):
    comment = Text(max_length=LONGEST_REASON, required=False, allow_blank=True)


class ReviewInput(Input):
    decision = serializers.ChoiceField(choices=Decision.values)
    digest = serializers.RegexField(DIGEST, max_length=64, help_text="The change's digest as you read it.")
    comment = Text(max_length=LONGEST_COMMENT, required=False, allow_blank=True, help_text="Needed unless you approve.")
    screening = serializers.RegexField(
        DIGEST,
        max_length=64,
        required=False,
        help_text="To approve a text with warnings: their digest, from /screening/; you say that you read them.",
    )


class PublishInput(Input):
    at = Moment(required=False, allow_null=True, help_text="When to publish; null or absent: now.")


class RevertInput(Input):
    reason = Text(max_length=LONGEST_REASON)


class ReviewSerializer(serializers.Serializer[Review]):
    reviewer = PersonSerializer()
    decision = serializers.ChoiceField(choices=Decision.values)
    comment = serializers.CharField(allow_blank=True)
    digest = serializers.CharField()
    created_at = serializers.DateTimeField()


class ChangeFieldsSerializer(serializers.Serializer[Change]):
    """What is said of a change wherever it stands. `digest` covers everything it would do; empty while a draft."""

    id = serializers.IntegerField()
    title = serializers.CharField()
    reason = serializers.CharField()
    state = serializers.ChoiceField(choices=ChangeState.values)
    author = PersonSerializer()
    origin = serializers.CharField()
    revision = serializers.IntegerField()
    digest = serializers.CharField(allow_blank=True)
    approvals_required = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    publish_at = serializers.DateTimeField(allow_null=True)
    suspended_because = serializers.CharField(allow_blank=True)
    published_at = serializers.DateTimeField(allow_null=True)
    published_by = PersonSerializer(allow_null=True)


class ChangeSummarySerializer(ChangeFieldsSerializer):
    """A change as a list shows it, with the number of its edits."""

    edits = serializers.IntegerField(source="edits_count")


class ChangePageSerializer(serializers.Serializer[Any]):
    results = ChangeSummarySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class ChangeSerializer(ChangeFieldsSerializer):
    """A change with who edited it, its reviews, and the keys it edits; what each proposes stands under edits/."""

    editors = PersonSerializer(many=True)
    reviews = ReviewSerializer(many=True)
    keys = serializers.SerializerMethodField()
    cannot_be_approved = serializers.SerializerMethodField(
        help_text="Stages that too few people can decide, since who may approve it must see all of it: why and fix."
    )

    def get_keys(self, change: Change) -> list[str]:
        return sorted(edit.address for edit in change.edits.all())

    def get_cannot_be_approved(self, change: Change) -> list[dict[str, str]]:
        if change.state not in (ChangeState.DRAFT, ChangeState.IN_REVIEW):
            return []
        whole = Change.objects.get(pk=change.pk)  # what is shown here was read without what policies look at
        stuck = stuck_stages(whole, approval_progress(whole))
        return [{"why": each.why, "fix": each.fix} for each in stuck]


class TouchedSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # JSON has a field of that name
    why = serializers.CharField()
    url = serializers.CharField(allow_blank=True)
    figures = serializers.DictField(child=serializers.IntegerField(), help_text="Counts, such as deliveries.")
    last_at = serializers.DateTimeField(allow_null=True)


class ImpactSerializer(serializers.Serializer[Any]):
    results = TouchedSerializer(many=True)
