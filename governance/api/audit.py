"""The ledger over HTTP, for auditors: events, verification, export; must hold no rule."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from config.api.described import CURSOR, LIMIT, answers, moment, word
from config.api.pages import read_page
from config.api.rendering import rendered
from config.api.views import ApiView, json_response
from governance.audit.attempts import denials_recorded
from governance.audit.export import FORMATS, LEDGER, begin_export, export_lines
from governance.audit.reading import EventFilters, events_of, require_auditor, verify_ledger
from governance.audit.withholding import read_event
from governance.serializers.audit import AuditEventPageSerializer, AuditEventSerializer, VerdictSerializer

FILTERS = ("actor", "action", "subject", "since", "until")
DESCRIBED = [
    word("actor", "The name of who acted, or a user name."),
    word("action", "A whole action, such as context.version.published, or its beginning, such as context."),
    word("subject", "An id, such as legal/liability, or its type before it: change:12."),
    moment("since", "From this moment on."),
    moment("until", "Before this moment."),
]


class AuditView(ApiView):
    """A view of the ledger, whose addresses are known. What they answer is for auditors; others leave an event."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not hasattr(self, str(request.method).lower()):
            return  # a method there is not is refused as such, to anyone
        with denials_recorded(actor=self.principal, action="governance.audit", subject=lambda: LEDGER, now=self.now):
            require_auditor(self.principal)

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
        told: Any = [read_event(event, clearance=self.principal.clearance) for event in page.rows]
        return json_response(
            {
                "results": AuditEventSerializer(told, many=True).data,
                "next_cursor": page.next_cursor,
                "next": page.next,
            }
        )


class VerifyView(AuditView):
    """Whether the record is whole: every hash computed again, from the first event to the head."""

    @extend_schema(operation_id="verify_audit", summary="Verify the ledger", responses=answers(VerdictSerializer))
    def get(self, request: Request) -> HttpResponse:
        return json_response(rendered(VerdictSerializer(verify_ledger(principal=self.principal))))


class ExportView(AuditView):
    """The events asked for, oldest first: JSON Lines that prove themselves, CSV, or OCSF. The export is an event."""

    parameters = (*FILTERS, "format")

    @extend_schema(
        operation_id="export_audit",
        summary="Export audit events",
        parameters=[
            *DESCRIBED,
            OpenApiParameter(
                "format", str, enum=tuple(FORMATS), description="jsonl unless said: verify_export.py checks it."
            ),
        ],
        responses={
            (200, kind.partition(";")[0]): OpenApiResponse(OpenApiTypes.STR, description="One event a line.")
            for kind in FORMATS.values()
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        asked = self.query.choice("format", tuple(FORMATS)) or "jsonl"
        export = begin_export(principal=self.principal, filters=self.filters(), format=asked, now=timezone.now())
        response = StreamingHttpResponse(export_lines(export, format=asked), content_type=FORMATS[asked])
        name = "audit.ocsf.jsonl" if asked == "ocsf" else f"audit.{asked}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "private, no-store"
        return response
