"""The steps of a change over HTTP: submit, review, publish, withdraw, reopen, revert; must hold no rule."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from config.api.described import answers
from config.api.fields import take
from governance.api.base import ChangeView
from governance.changes import reopen_change, submit_change, withdraw_change
from governance.publishing import publish_change, revert_change
from governance.reviews import review_change
from governance.serializers.changes import (
    ChangeSerializer,
    CommentInput,
    NothingInput,
    PublishInput,
    RevertInput,
    ReviewInput,
)


class SubmitView(ChangeView):
    """Hand a draft to its reviewers."""

    @extend_schema(
        operation_id="submit_change",
        summary="Submit a change for review",
        description="Fixes the digest that reviewers decide on.",
        request=NothingInput,
        responses=answers(ChangeSerializer),
    )
    def post(self, request: Request, change_id: int) -> HttpResponse:
        def effect() -> int:
            take(NothingInput, self.body)
            # If-Match is not asked for, but holds where it is sent.
            expected = self.matched(change_id) if "If-Match" in self.http_request.headers else None
            submit_change(actor=self.actor, change_id=change_id, now=self.now, expected_row_version=expected)
            return change_id

        return self.change_once(effect)


class ReviewView(ChangeView):
    """Decide on the exact text that was read."""

    @extend_schema(
        operation_id="review_change",
        summary="Review a change",
        description="Nobody reviews a change that they edited. The digest is of the text as it was read.",
        request=ReviewInput,
        responses=answers(ChangeSerializer),
    )
    def post(self, request: Request, change_id: int) -> HttpResponse:
        def effect() -> int:
            taken = take(ReviewInput, self.body)
            review_change(
                actor=self.actor,
                change_id=change_id,
                decision=taken["decision"],
                digest=taken["digest"],
                comment=taken.get("comment", ""),
                screening=taken.get("screening", ""),
                now=self.now,
            )
            return change_id

        return self.change_once(effect)


class PublishView(ChangeView):
    """Bring an approved change into force."""

    @extend_schema(
        operation_id="publish_change",
        summary="Publish a change",
        description="Now, or at a time to come.",
        request=PublishInput,
        responses=answers(ChangeSerializer),
    )
    def post(self, request: Request, change_id: int) -> HttpResponse:
        def effect() -> int:
            at = take(PublishInput, self.body).get("at")
            publish_change(actor=self.actor, change_id=change_id, now=self.now, at=at)
            return change_id

        return self.change_once(effect)


class WithdrawView(ChangeView):
    """Take back a change that is not published."""

    @extend_schema(
        operation_id="withdraw_change",
        summary="Withdraw a change",
        request=CommentInput,
        responses=answers(ChangeSerializer),
    )
    def post(self, request: Request, change_id: int) -> HttpResponse:
        def effect() -> int:
            comment = take(CommentInput, self.body).get("comment", "")
            withdraw_change(actor=self.actor, change_id=change_id, now=self.now, comment=comment)
            return change_id

        return self.change_once(effect)


class ReopenView(ChangeView):
    """Make a draft again of a change that was withdrawn, rejected, submitted or approved."""

    @extend_schema(
        operation_id="reopen_change",
        summary="Reopen a change",
        description="Its approvals are void.",
        request=NothingInput,
        responses=answers(ChangeSerializer),
    )
    def post(self, request: Request, change_id: int) -> HttpResponse:
        def effect() -> int:
            take(NothingInput, self.body)
            reopen_change(actor=self.actor, change_id=change_id, now=self.now)
            return change_id

        return self.change_once(effect)


class RevertView(ChangeView):
    """Draft the change that undoes a published one."""

    @extend_schema(
        operation_id="revert_change",
        summary="Draft the undoing of a published change",
        description="A new change, to be reviewed and published like any other.",
        request=RevertInput,
        responses=answers(ChangeSerializer, status=201),
    )
    def post(self, request: Request, change_id: int) -> HttpResponse:
        def effect() -> int:
            reason = take(RevertInput, self.body)["reason"]
            return int(revert_change(actor=self.actor, change_id=change_id, reason=reason, now=self.now).pk)

        return self.change_once(effect, status=201)
