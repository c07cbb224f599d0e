"""The edits of a draft over HTTP; must hold no rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from config.api.described import CURSOR, IF_MATCH, LIMIT, answers
from config.api.fields import take
from config.api.pages import read_page
from config.api.rendering import rendered
from config.api.views import json_response
from context.access import Principal
from governance.api.base import ChangeView
from governance.changes import put_edit, remove_edit
from governance.edits import EditInput
from governance.models import Edit
from governance.reading import edits_of, proposed_states, read_edit
from governance.serializers.changes import ChangeSerializer, NothingInput
from governance.serializers.edits import (
    EditItemInput,
    EditPageSerializer,
    EditSerializer,
    PutEditInput,
    PutRecordInput,
    edit_input,
)


def for_reader(principal: Principal, edits: Sequence[Edit]) -> None:
    """Put beside each edit what its reader may see of it, which is what is written out."""
    shown = proposed_states(principal=principal, edits=edits)
    for edit in edits:
        edit.shown_payload = shown[edit.pk]  # type: ignore[attr-defined]  # read by EditSerializer alone


class _EditsView(ChangeView):
    """What is done with an edit of a change, whichever record it is of; `address` names that record."""

    def shown(self, change_id: int, address: str) -> HttpResponse:
        edit = read_edit(principal=self.principal, change_id=change_id, key=address)
        for_reader(self.principal, [edit])
        response = self.cacheable(rendered(EditSerializer(edit)))
        self.record_read(change_id)
        return response

    def set_to(self, change_id: int, taken: Callable[[], EditInput], *, status: int = 200) -> HttpResponse:
        def effect() -> int:
            expected = self.matched(change_id)
            put_edit(actor=self.actor, change_id=change_id, edit=taken(), now=self.now, expected_row_version=expected)
            return change_id

        return self.change_once(effect, status=status)

    def taken_out(self, change_id: int, address: str) -> HttpResponse:
        def effect() -> int:
            expected = self.matched(change_id)
            take(NothingInput, self.body)
            remove_edit(actor=self.actor, change_id=change_id, key=address, now=self.now, expected_row_version=expected)
            return change_id

        return self.change_once(effect)


class EditListView(_EditsView):
    """The edits of a change, each with the whole state it proposes."""

    parameters = ("limit", "cursor")

    @extend_schema(
        operation_id="list_edits",
        summary="List the edits of a change",
        parameters=[LIMIT, CURSOR],
        responses=answers(EditPageSerializer),
    )
    def get(self, request: Request, change_id: int) -> HttpResponse:
        found = edits_of(principal=self.principal, change_id=change_id)
        page = read_page(found, request=self.http_request, parameters=self.query, by="id")
        for_reader(self.principal, page.rows)
        response = json_response(page.written_as(EditSerializer))
        self.record_read(change_id)
        return response

    @extend_schema(
        operation_id="add_edit",
        summary="Add an edit",
        description="Replaces the edit of the same item. What was approved is void, and the change a draft again.",
        parameters=[IF_MATCH],
        request=EditItemInput,
        responses=answers(ChangeSerializer, status=201),
    )
    def post(self, request: Request, change_id: int) -> HttpResponse:
        return self.set_to(change_id, lambda: edit_input(take(EditItemInput, self.body)), status=201)


class EditView(_EditsView):
    """The edit of one item in a change."""

    @extend_schema(operation_id="read_edit", summary="Read an edit", responses=answers(EditSerializer))
    def get(self, request: Request, change_id: int, domain: str, slug: str) -> HttpResponse:
        return self.shown(change_id, f"{domain}/{slug}")

    @extend_schema(
        operation_id="put_edit",
        summary="Set the edit of an item",
        description="What was approved is void, and the change a draft again.",
        parameters=[IF_MATCH],
        request=PutEditInput,
        responses=answers(ChangeSerializer),
    )
    def put(self, request: Request, change_id: int, domain: str, slug: str) -> HttpResponse:
        return self.set_to(change_id, lambda: edit_input(take(PutEditInput, self.body), key=f"{domain}/{slug}"))

    @extend_schema(
        operation_id="remove_edit",
        summary="Take an item out of a change",
        description="What was approved is void, and the change a draft again.",
        parameters=[IF_MATCH],
        request=None,
        responses=answers(ChangeSerializer),
    )
    def delete(self, request: Request, change_id: int, domain: str, slug: str) -> HttpResponse:
        return self.taken_out(change_id, f"{domain}/{slug}")


class RecordEditView(_EditsView):
    """The edit of one record in a change that is not an item, such as a contract."""

    @extend_schema(
        operation_id="read_record_edit", summary="Read an edit of a record", responses=answers(EditSerializer)
    )
    def get(self, request: Request, change_id: int, record: str, key: str) -> HttpResponse:
        return self.shown(change_id, f"{record}:{key}")

    @extend_schema(
        operation_id="put_record_edit",
        summary="Set the edit of a record",
        description="What was approved is void, and the change a draft again.",
        parameters=[IF_MATCH],
        request=PutRecordInput,
        responses=answers(ChangeSerializer),
    )
    def put(self, request: Request, change_id: int, record: str, key: str) -> HttpResponse:
        return self.set_to(
            change_id, lambda: edit_input({**take(PutRecordInput, self.body), "record": record}, key=key)
        )

    @extend_schema(
        operation_id="remove_record_edit",
        summary="Take a record out of a change",
        description="What was approved is void, and the change a draft again.",
        parameters=[IF_MATCH],
        request=None,
        responses=answers(ChangeSerializer),
    )
    def delete(self, request: Request, change_id: int, record: str, key: str) -> HttpResponse:
        return self.taken_out(change_id, f"{record}:{key}")
