"""The discussion of a change over HTTP: read, said, settled; must hold no rule."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from config.api.described import answers
from config.api.fields import Input, Text, WholeNumber, take
from config.api.rendering import rendered
from config.api.views import json_response
from context.errors import NotFound
from governance.api.base import ChangeView
from governance.change_state import get_change
from governance.comments import LONGEST_COMMENT, LONGEST_FIELD, LONGEST_QUOTE, add_comment, settle_comment, threads_of
from governance.serializers.changes import NothingInput


class NewCommentInput(Input):
    text = Text(max_length=LONGEST_COMMENT)
    key = Text(max_length=200, required=False, allow_blank=True, help_text="The item that it is about.")
    field = Text(max_length=LONGEST_FIELD, required=False, allow_blank=True, help_text="body, or the name of a field.")
    quote = Text(max_length=LONGEST_QUOTE, required=False, allow_blank=True, help_text="The passage it is about.")
    reply_to = WholeNumber(required=False, allow_null=True, help_text="The id of the comment that it answers.")


class CommentSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    author = serializers.CharField(source="author_label")
    text = serializers.CharField()
    created_at = serializers.DateTimeField()


class ThreadSerializer(serializers.Serializer[Any]):
    """A remark with its replies. `moved`: the passage that it quotes is not there any more."""

    id = serializers.IntegerField(source="comment.pk")
    author = serializers.CharField(source="comment.author_label")
    text = serializers.CharField(source="comment.text")
    key = serializers.CharField(source="comment.key")
    field = serializers.CharField(source="comment.field")
    quote = serializers.CharField(source="comment.quote")
    revision = serializers.IntegerField(source="comment.revision")
    moved = serializers.BooleanField()
    created_at = serializers.DateTimeField(source="comment.created_at")
    settled_at = serializers.DateTimeField(source="comment.resolved_at", allow_null=True)
    replies = CommentSerializer(many=True)


class DiscussionSerializer(serializers.Serializer[Any]):
    results = ThreadSerializer(many=True)


class CommentListView(ChangeView):
    """What was said of a change, each remark with its replies."""

    @extend_schema(operation_id="list_comments", summary="Read the discussion", responses=answers(DiscussionSerializer))
    def get(self, request: Request, change_id: int) -> HttpResponse:
        change = get_change(principal=self.principal, change_id=change_id)
        response = json_response(rendered(DiscussionSerializer({"results": threads_of(change)})))
        self.record_read(change_id)
        return response

    @extend_schema(
        operation_id="add_comment",
        summary="Say something about a change",
        description="About the change, about a passage of one of its edits (key, field and quote), or in reply.",
        request=NewCommentInput,
        responses=answers(CommentSerializer, status=201),
    )
    def post(self, request: Request, change_id: int) -> HttpResponse:
        def answer() -> HttpResponse:
            taken = take(NewCommentInput, self.body)
            made = add_comment(actor=self.actor, change_id=change_id, now=self.now, **taken)
            at = f"/api/v1/changes/{change_id}/comments/"
            return json_response(rendered(CommentSerializer(made)), status=201, location=at)

        return self.write(answer, may_repeat=self._may_repeat)


class SettleCommentView(ChangeView):
    """Mark a thread as settled."""

    @extend_schema(
        operation_id="settle_comment",
        summary="Settle a thread",
        request=NothingInput,
        responses=answers(CommentSerializer),
    )
    def post(self, request: Request, change_id: int, comment_id: int) -> HttpResponse:
        def answer() -> HttpResponse:
            take(NothingInput, self.body)
            change = get_change(principal=self.principal, change_id=change_id)
            if not change.comments.filter(pk=comment_id).exists():
                raise NotFound(f"There is no comment {comment_id}.")
            settled = settle_comment(actor=self.actor, comment_id=comment_id, now=self.now)
            at = f"/api/v1/changes/{change_id}/comments/"
            return json_response(rendered(CommentSerializer(settled)), location=at)

        return self.write(answer, may_repeat=self._may_repeat)
