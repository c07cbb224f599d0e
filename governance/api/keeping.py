"""Keeping the ledger over HTTP, for auditors and administrators: evidence, streams, holds, retention; no rule here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile
from typing import IO, Any

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from config.api.described import answers, moment, word
from config.api.errors import InvalidParameter
from config.api.fields import Input, Moment, Text, WholeNumber, take
from config.api.rendering import rendered
from config.api.views import json_response
from context.access import Principal
from context.errors import NotFound
from context.models import Sensitivity
from context.serializers.people import SensitivityField
from governance.api.audit import AuditView
from governance.audit import retention, streams
from governance.audit.evidence import write_kit
from governance.models import AuditStream, LegalHold, RetentionRule, StreamContent, StreamFormat, StreamSignature
from governance.serializers.changes import NothingInput

CHUNK = 65_536


class StreamInput(Input):
    name = Text(max_length=60)
    url = Text(max_length=500)
    content = serializers.ChoiceField(choices=StreamContent.values, required=False)
    format = serializers.ChoiceField(choices=StreamFormat.values, required=False)
    signature = serializers.ChoiceField(choices=StreamSignature.values, required=False)
    clearance = SensitivityField(required=False)
    from_start = serializers.BooleanField(required=False, help_text="From the first event, instead of from the next.")


class StreamSerializer(serializers.Serializer[AuditStream]):
    name = serializers.CharField()
    url = serializers.CharField()
    content = serializers.CharField()
    format = serializers.CharField()
    signature = serializers.CharField()
    clearance = SensitivityField()
    cursor = serializers.IntegerField(help_text="The last event that the receiver acknowledged.")
    paused_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    failures = serializers.IntegerField()
    last_error = serializers.CharField()


class NewStreamSerializer(StreamSerializer):
    """With the secret of an HMAC stream, which is shown this once."""

    secret = serializers.CharField(allow_null=True)


class StreamListSerializer(serializers.Serializer[Any]):
    results = StreamSerializer(many=True)


class HoldInput(Input):
    name = Text(max_length=120)
    reason = Text(max_length=5_000)
    subject_type = Text(max_length=40, required=False)
    subject_id = Text(max_length=200, required=False)
    action_prefix = Text(max_length=80, required=False)
    since = Moment(required=False, allow_null=True)
    until = Moment(required=False, allow_null=True)


class LiftInput(Input):
    reason = Text(max_length=5_000)


class HoldSerializer(serializers.Serializer[LegalHold]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    reason = serializers.CharField()
    subject_type = serializers.CharField()
    subject_id = serializers.CharField()
    action_prefix = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    placed_at = serializers.DateTimeField()
    placed_by = serializers.CharField(source="placed_by_label")
    lifted_at = serializers.DateTimeField(allow_null=True)
    lifted_because = serializers.CharField()


class HoldListSerializer(serializers.Serializer[Any]):
    results = HoldSerializer(many=True)


class RetentionInput(Input):
    action_prefix = Text(max_length=80, allow_blank=True, help_text="Beginning of an action; empty: every action.")
    days = WholeNumber(allow_null=True, help_text="How long payloads are kept; null takes the rule away.")


class RetentionSerializer(serializers.Serializer[RetentionRule]):
    action_prefix = serializers.CharField()
    days = serializers.IntegerField()
    set_at = serializers.DateTimeField()
    set_by = serializers.CharField(source="set_by_label")


class RetentionListSerializer(serializers.Serializer[Any]):
    results = RetentionSerializer(many=True)


class EvidenceView(AuditView):
    """The evidence of an item or a period in one archive that proves itself. Taking it is an event."""

    parameters = ("item", "since", "until")

    @extend_schema(
        operation_id="read_evidence",
        summary="Take an evidence kit",
        description="Either `item`, or a period. `verify_export.py` in it checks the ledger without this server.",
        parameters=[word("item", "Key."), moment("since", "From this moment on."), moment("until", "Before this.")],
        responses={(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY, description="A ZIP archive.")},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        item, since, until = self.query.text("item"), self.query.moment("since"), self.query.moment("until")
        if bool(item) == bool(since or until):
            raise InvalidParameter("Ask for an item or for a period.", field="item", fix="Give one of the two.")
        if since is not None and until is not None and until <= since:
            raise InvalidParameter("The period ends before it begins.", field="until", fix="Swap the two.")
        try:
            return evidence_response(principal=self.principal, now=self.now, key=item, since=since, until=until)
        except NotFound as error:
            raise InvalidParameter(error.detail, field="item", fix="Send the key of an item.") from error


class StreamListView(AuditView):
    """Where the ledger is streamed to, and how far each receiver has got."""

    @extend_schema(operation_id="list_streams", summary="List streams", responses=answers(StreamListSerializer))
    def get(self, request: Request) -> HttpResponse:
        found = streams.streams_of(principal=self.principal, now=self.now)
        return json_response(rendered(StreamListSerializer({"results": found})))

    @extend_schema(
        operation_id="add_stream",
        summary="Stream the ledger to a receiver",
        request=StreamInput,
        responses=answers(NewStreamSerializer, status=201),
    )
    def post(self, request: Request) -> HttpResponse:
        def answer() -> HttpResponse:
            taken = take(StreamInput, self.body)
            if "clearance" in taken:
                taken["clearance"] = Sensitivity.from_word(taken["clearance"])
            made = streams.add_stream(actor=self.principal, now=self.now, **taken)
            secret = streams.secret_of(made) if made.signature == StreamSignature.HMAC_SHA256 else None
            body = {**rendered(StreamSerializer(made)), "secret": secret}
            return json_response(body, status=201, location=f"/api/v1/audit/streams/{made.name}/")

        return self.write(answer)


class StreamView(AuditView):
    """One stream, which may be taken away."""

    @extend_schema(operation_id="remove_stream", summary="Remove a stream", responses={204: None})
    def delete(self, request: Request, name: str) -> HttpResponse:
        def answer() -> HttpResponse:
            streams.remove_stream(actor=self.principal, name=name, now=self.now)
            return HttpResponse(status=204)

        return self.write(answer)


class PauseStreamView(AuditView):
    @extend_schema(
        operation_id="pause_stream",
        summary="Pause a stream",
        description="Nothing is lost: the ledger keeps what the receiver has yet to get.",
        request=NothingInput,
        responses=answers(StreamSerializer),
    )
    def post(self, request: Request, name: str) -> HttpResponse:
        def answer() -> HttpResponse:
            take(NothingInput, self.body)
            paused = streams.pause_stream(actor=self.principal, name=name, now=self.now)
            return json_response(rendered(StreamSerializer(paused)))

        return self.write(answer)


class ResumeStreamView(AuditView):
    @extend_schema(
        operation_id="resume_stream",
        summary="Resume a stream",
        request=NothingInput,
        responses=answers(StreamSerializer),
    )
    def post(self, request: Request, name: str) -> HttpResponse:
        def answer() -> HttpResponse:
            take(NothingInput, self.body)
            resumed = streams.resume_stream(actor=self.principal, name=name, now=self.now)
            return json_response(rendered(StreamSerializer(resumed)))

        return self.write(answer)


class HoldListView(AuditView):
    """What is kept whatever the retention says."""

    @extend_schema(operation_id="list_holds", summary="List legal holds", responses=answers(HoldListSerializer))
    def get(self, request: Request) -> HttpResponse:
        found: Sequence[LegalHold] = retention.holds_of(principal=self.principal)
        return json_response(rendered(HoldListSerializer({"results": found})))

    @extend_schema(
        operation_id="place_hold",
        summary="Place a legal hold",
        description="On the events that match all that is given; on an item, on those of its changes too.",
        request=HoldInput,
        responses=answers(HoldSerializer, status=201),
    )
    def post(self, request: Request) -> HttpResponse:
        def answer() -> HttpResponse:
            taken = take(HoldInput, self.body)
            made = retention.place_hold(actor=self.principal, now=self.now, **taken)
            return json_response(rendered(HoldSerializer(made)), status=201, location="/api/v1/audit/holds/")

        return self.write(answer)


class LiftHoldView(AuditView):
    @extend_schema(
        operation_id="lift_hold",
        summary="Lift a legal hold",
        request=LiftInput,
        responses=answers(HoldSerializer),
    )
    def post(self, request: Request, hold_id: int) -> HttpResponse:
        def answer() -> HttpResponse:
            reason = take(LiftInput, self.body)["reason"]
            lifted = retention.lift_hold(actor=self.principal, hold_id=hold_id, reason=reason, now=self.now)
            return json_response(rendered(HoldSerializer(lifted)))

        return self.write(answer)


class RetentionView(AuditView):
    """How long payloads of events are kept, by the beginning of their action."""

    @extend_schema(
        operation_id="list_retention", summary="Read the retention", responses=answers(RetentionListSerializer)
    )
    def get(self, request: Request) -> HttpResponse:
        found = retention.retention_of(principal=self.principal)
        return json_response(rendered(RetentionListSerializer({"results": found})))

    @extend_schema(
        operation_id="set_retention",
        summary="Set or take away a retention",
        request=RetentionInput,
        responses=answers(RetentionListSerializer),
    )
    def post(self, request: Request) -> HttpResponse:
        def answer() -> HttpResponse:
            taken = take(RetentionInput, self.body)
            prefix, days = taken["action_prefix"], taken["days"]
            if days is None:
                retention.remove_retention(actor=self.principal, action_prefix=prefix, now=self.now)
            else:
                retention.set_retention(actor=self.principal, action_prefix=prefix, days=days, now=self.now)
            found = retention.retention_of(principal=self.principal)
            return json_response(rendered(RetentionListSerializer({"results": found})))

        return self.write(answer)


def evidence_response(*, principal: Principal, now: Any, key: str, since: Any, until: Any) -> StreamingHttpResponse:
    """The archive, written to a file of its own first: it is whole, or refused."""
    file = TemporaryFile()  # noqa: SIM115  closed once it is sent
    try:
        write_kit(principal=principal, out=file, now=now, key=key, since=since, until=until)
    except BaseException:
        file.close()
        raise
    length = file.tell()
    file.seek(0)
    response = StreamingHttpResponse(_chunks(file), content_type="application/zip")
    name = (key or f"{now:%Y-%m-%d}").replace("/", "-")
    response["Content-Disposition"] = f'attachment; filename="evidence-{name}.zip"'
    response["Content-Length"] = str(length)
    response["Cache-Control"] = "private, no-store"
    return response


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
