"""The ledger over HTTP, for auditors: events, verification, export; must hold no rule."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from config.api.described import CURSOR, LIMIT, answers, moment, word
from config.api.pages import read_page
from config.api.rendering import encode, rendered
from config.api.views import ApiView, json_response
from governance.audit.reading import EventFilters, events_of, stream_events, verify_ledger
from governance.models import AuditEvent
from governance.serializers.audit import (
    AuditEventPageSerializer,
    AuditEventSerializer,
    VerdictSerializer,
    exported,
)

FILTERS = ("actor", "action", "subject", "since", "until")
DESCRIBED = [
    word("actor", "The name of who acted, or a user name."),
    word("action", "A whole action, such as context.version.published, or its beginning, such as context."),
    word("subject", "An id, such as legal/liability, or its type before it: change:12."),
    moment("since", "From this moment on."),
    moment("until", "Before this moment."),
]


class AuditView(ApiView):
    """A view of the ledger. Its addresses are known; what they answer is for auditors."""

    def filters(self) -> EventFilters:
        return EventFilters(
            actor=self.query.text("actor"),
            action=self.query.text("action"),
            subject=self.query.text("subject"),
            since=self.query.moment("since"),
            until=self.query.moment("until"),
        )


class EventListView(AuditView):
    """Who did what, when: the newest first."""

    parameters = (*FILTERS, "limit", "cursor")

    @extend_schema(
        operation_id="list_audit_events",
        summary="List audit events",
        parameters=[*DESCRIBED, LIMIT, CURSOR],
        responses=answers(AuditEventPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = events_of(principal=self.principal, filters=self.filters())
        page = read_page(found, request=self.http_request, parameters=self.query, by="-sequence")
        return json_response(page.rendered(lambda event: rendered(AuditEventSerializer(event))))


class VerifyView(AuditView):
    """Whether the record is whole: every hash computed again, from the first event to the head."""

    @extend_schema(operation_id="verify_audit", summary="Verify the ledger", responses=answers(VerdictSerializer))
    def get(self, request: Request) -> HttpResponse:
        return json_response(rendered(VerdictSerializer(verify_ledger(principal=self.principal))))


class ExportView(AuditView):
    """The events asked for as JSON Lines, oldest first, with all from which their hashes can be computed again."""

    parameters = FILTERS

    @extend_schema(
        operation_id="export_audit",
        summary="Export audit events",
        parameters=DESCRIBED,
        responses={(200, "application/jsonl"): OpenApiResponse(OpenApiTypes.STR, description="One event a line.")},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        events = stream_events(principal=self.principal, filters=self.filters())
        response = StreamingHttpResponse(_lines(events), content_type="application/jsonl")
        response["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
        response["Cache-Control"] = "private, no-store"
        return response


def _lines(events: Iterator[AuditEvent]) -> Iterator[bytes]:
    for event in events:
        yield encode(exported(event)) + b"\n"
