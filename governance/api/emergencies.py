"""Emergencies, rebasing and receipts of decisions over HTTP; must hold no rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from config.api.described import answers
from config.api.fields import Input, Text, take
from config.api.rendering import rendered
from config.api.views import json_response
from context.digests import plain
from context.errors import NotFound
from governance.api.base import ChangeView
from governance.change_state import get_change
from governance.emergencies import LONGEST_REASON, publish_in_emergency, ratify
from governance.models import RatificationVerdict
from governance.reading import read_edit
from governance.rebasing import conflicts_told, plan_rebase, rebase_edit
from governance.receipts import document_of
from governance.serializers.changes import ChangeSerializer


class EmergencyInput(Input):
    reason = Text(max_length=LONGEST_REASON, help_text="Why it cannot wait for its approval, in a sentence.")
    screening = Text(
        max_length=64,
        required=False,
        allow_blank=True,
        help_text="For a text with warnings: their digest, from /screening/; you say that you read them.",
    )


class RatificationInput(Input):
    verdict = serializers.ChoiceField(choices=RatificationVerdict.values)
    comment = Text(max_length=LONGEST_REASON, required=False, allow_blank=True, help_text="Needed to object.")


class RebaseInput(Input):
    choices = serializers.DictField(
        child=serializers.ChoiceField(choices=("mine", "theirs", "both")),
        required=False,
        help_text="For each conflict, by its place, the side that holds.",
    )


class ConflictSerializer(serializers.Serializer[Any]):
    place = serializers.CharField()
    base = serializers.JSONField(allow_null=True)
    mine = serializers.JSONField(allow_null=True)
    theirs = serializers.JSONField(allow_null=True)


class MergeSerializer(serializers.Serializer[Any]):
    """What setting the edit on the version in force would meet: what it takes over, and what a person must decide."""

    onto_version = serializers.IntegerField()
    taken_over = serializers.ListField(child=serializers.CharField())
    conflicts = ConflictSerializer(many=True)


class SignedReceiptSerializer(serializers.Serializer[Any]):
    """A signed decision, which `verify_receipt.py` checks without this server."""

    receipt = serializers.JSONField()
    signature = serializers.CharField()
    key_id = serializers.CharField()
    public_key = serializers.CharField()
    algorithm = serializers.CharField()


class EmergencyView(ChangeView):
    """Publish before the approval, for a reason that two other people will read."""

    @extend_schema(
        operation_id="publish_in_emergency",
        summary="Publish in an emergency",
        description="By the owner of every domain it touches or an administrator, and not by who edited it.",
        request=EmergencyInput,
        responses=answers(ChangeSerializer),
    )
    def post(self, request: Request, change_id: int) -> HttpResponse:
        def effect() -> int:
            taken = take(EmergencyInput, self.body)
            publish_in_emergency(
                actor=self.actor,
                change_id=change_id,
                reason=taken["reason"],
                screening=taken.get("screening", ""),
                now=self.now,
            )
            return change_id

        return self.change_once(effect)


class RatificationView(ChangeView):
    """Say afterwards whether an emergency publication was right."""

    @extend_schema(
        operation_id="ratify_emergency",
        summary="Ratify an emergency, or object",
        request=RatificationInput,
        responses=answers(ChangeSerializer),
    )
    def post(self, request: Request, change_id: int) -> HttpResponse:
        def effect() -> int:
            taken = take(RatificationInput, self.body)
            ratify(
                actor=self.actor,
                change_id=change_id,
                verdict=taken["verdict"],
                comment=taken.get("comment", ""),
                now=self.now,
            )
            return change_id

        return self.change_once(effect)


class RebaseView(ChangeView):
    """Set an edit on the version that somebody published meanwhile."""

    @extend_schema(
        operation_id="plan_rebase",
        summary="Read the conflicts with the version in force",
        responses=answers(MergeSerializer),
    )
    def get(self, request: Request, change_id: int, domain: str, slug: str) -> HttpResponse:
        edit = read_edit(principal=self.principal, change_id=change_id, key=f"{domain}/{slug}")
        plan = plan_rebase(edit=edit)
        told = replace(plan, conflicts=conflicts_told(plan.conflicts, principal=self.principal))
        response = json_response(plain(rendered(MergeSerializer(told))))
        self.record_read(change_id)
        return response

    @extend_schema(
        operation_id="rebase_edit",
        summary="Set an edit on the version in force",
        description="Every conflict needs a choice: mine, theirs or both. Approvals are void.",
        request=RebaseInput,
        responses=answers(ChangeSerializer),
    )
    def post(self, request: Request, change_id: int, domain: str, slug: str) -> HttpResponse:
        def effect() -> int:
            choices = take(RebaseInput, self.body).get("choices", {})
            rebase_edit(actor=self.actor, change_id=change_id, key=f"{domain}/{slug}", choices=choices, now=self.now)
            return change_id

        return self.change_once(effect)


class ReceiptView(ChangeView):
    """The signed receipt of a decision: what an auditor keeps."""

    @extend_schema(
        operation_id="read_approval_receipt",
        summary="Read a signed receipt",
        responses=answers(SignedReceiptSerializer),
    )
    def get(self, request: Request, change_id: int, review_id: int) -> HttpResponse:
        change = get_change(principal=self.principal, change_id=change_id)
        review = change.reviews.filter(pk=review_id).first()
        if review is None:
            raise NotFound(f"There is no review {review_id}.")
        response = json_response(document_of(review))
        response["Content-Disposition"] = f'attachment; filename="receipt-{change_id}-{review_id}.json"'
        return response
