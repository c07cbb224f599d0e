"""Changes over HTTP: listed, started, described, compared; must hold no rule."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from config.api.described import CURSOR, IF_MATCH, IF_NONE_MATCH, LIMIT, answers, word
from config.api.entity_tags import not_modified, unchanged
from config.api.fields import take
from config.api.pages import read_page
from config.api.rendering import rendered
from config.api.views import json_response
from governance.api.base import ChangeView
from governance.change_state import get_change
from governance.changes import create_change, describe_change
from governance.impact import impact_of
from governance.models import ChangeState
from governance.reading import ChangeFilters, changes_of, compare_edits, edits_of
from governance.serializers.changes import (
    ChangePageSerializer,
    ChangeSerializer,
    ChangeSummarySerializer,
    DescriptionInput,
    ImpactSerializer,
    NewChangeInput,
)
from governance.serializers.edits import EditComparisonPageSerializer, EditComparisonSerializer, edit_input


class ChangeListView(ChangeView):
    """The changes that the caller may see, newest first. A draft is seen by those who edit it."""

    parameters = ("state", "author", "record", "key", "limit", "cursor")

    @extend_schema(
        operation_id="list_changes",
        summary="List changes",
        parameters=[
            OpenApiParameter("state", str, enum=ChangeState.values),
            word("author", "User name."),
            word("record", "item, or another kind of record that the change edits, such as contract."),
            word("key", "Key of an item or record that the change edits."),
            LIMIT,
            CURSOR,
        ],
        responses=answers(ChangePageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        filters = ChangeFilters(
            state=self.query.choice("state", ChangeState.values),
            author=self.query.text("author"),
            key=self.query.text("key"),
            record=self.query.text("record"),
        )
        found = changes_of(principal=self.principal, filters=filters)
        page = read_page(found, request=self.http_request, parameters=self.query, by="-id")
        return json_response(page.written_as(ChangeSummarySerializer))

    @extend_schema(
        operation_id="create_change",
        summary="Start a change",
        description="A draft with its edits. Edits that would change nothing are left out.",
        request=NewChangeInput,
        responses=answers(ChangeSerializer, status=201),
    )
    def post(self, request: Request) -> HttpResponse:
        def effect() -> int:
            taken = take(NewChangeInput, self.body)
            change = create_change(
                actor=self.actor,
                title=taken["title"],
                reason=taken["reason"],
                edits=[edit_input(edit) for edit in taken.get("edits", [])],
                now=self.now,
                origin="api",
            )
            return int(change.pk)

        return self.change_once(effect, status=201)


class ChangeDetailView(ChangeView):
    """One change with its reviews and the keys it edits."""

    @extend_schema(
        operation_id="read_change",
        summary="Read a change",
        parameters=[IF_NONE_MATCH],
        responses=answers(ChangeSerializer, etag=True),
    )
    def get(self, request: Request, change_id: int) -> HttpResponse:
        etag = get_change(principal=self.principal, change_id=change_id).etag
        if unchanged(self.http_request, etag):
            return not_modified(etag)
        return self.change_response(change_id)

    @extend_schema(
        operation_id="describe_change",
        summary="Set the title or the reason",
        description="Both are part of what is approved: setting them makes the change a draft again.",
        parameters=[IF_MATCH],
        request=DescriptionInput,
        responses=answers(ChangeSerializer),
    )
    def patch(self, request: Request, change_id: int) -> HttpResponse:
        def effect() -> int:
            expected = self.matched(change_id)
            taken = take(DescriptionInput, self.body)
            describe_change(
                actor=self.actor,
                change_id=change_id,
                title=taken.get("title"),
                reason=taken.get("reason"),
                now=self.now,
                expected_row_version=expected,
            )
            return change_id

        return self.change_once(effect)


class ChangeDiffView(ChangeView):
    """What each edit changes against the version it was made on: the text by word, the rest by field."""

    parameters = ("limit", "cursor")

    @extend_schema(
        operation_id="compare_change",
        summary="Read what a change changes",
        parameters=[LIMIT, CURSOR],
        responses=answers(EditComparisonPageSerializer),
    )
    def get(self, request: Request, change_id: int) -> HttpResponse:
        found = edits_of(principal=self.principal, change_id=change_id)
        page = read_page(found, request=self.http_request, parameters=self.query, by="id")
        found_changed = compare_edits(principal=self.principal, edits=page.rows)
        compared = [rendered(EditComparisonSerializer(each)) for each in found_changed]
        response = json_response({"results": compared, "next_cursor": page.next_cursor, "next": page.next})
        self.record_read(change_id)
        return response


class ChangeImpactView(ChangeView):
    """What depends on the items of a change: items that refer to them, contracts and agents that receive them."""

    @extend_schema(
        operation_id="read_impact", summary="Read what a change would touch", responses=answers(ImpactSerializer)
    )
    def get(self, request: Request, change_id: int) -> HttpResponse:
        change = get_change(principal=self.principal, change_id=change_id)
        found = impact_of(change=change, principal=self.principal)
        return json_response(rendered(ImpactSerializer({"results": found})))
