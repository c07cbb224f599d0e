"""Sources over HTTP: what is known of one, asking for a reading, uploading a file; must not fetch or judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from config.api.described import answers
from config.api.fields import take
from config.api.views import ApiView, json_response
from context.errors import NotFound
from governance.drift.sources.asking import check_now, require_tending, set_interval, source_of, upload_source
from governance.models import WatchedSource
from governance.serializers.sources import IntervalInput, UploadInput, WatchedSourceSerializer, shown


class _SourceStep(ApiView):
    """A step with the source of one item."""

    def step(self, key: str, call: Callable[[], WatchedSource], status: int = 200) -> HttpResponse:
        def may_repeat(headers: Mapping[str, str]) -> None:
            require_tending(actor=self.principal, key=key, now=self.now)

        return self.write(lambda: json_response(shown(call()), status=status), may_repeat=may_repeat)


class SourceView(_SourceStep):
    """What is known of the source that an item names."""

    @extend_schema(
        operation_id="read_source", summary="Read what is known of a source", responses=answers(WatchedSourceSerializer)
    )
    def get(self, request: Request, domain: str, slug: str) -> HttpResponse:
        row = source_of(principal=self.principal, key=f"{domain}/{slug}")
        if row is None:
            raise NotFound("This text names no source that is watched, or it was named a moment ago.")
        return self.cacheable(shown(row))


class CheckSourceView(_SourceStep):
    """Have it read now."""

    @extend_schema(
        operation_id="check_source",
        summary="Check a source now",
        description="A worker reads it; `is_asked` turns false when it has. Asked twice, it is read once.",
        request=None,
        responses=answers(WatchedSourceSerializer, status=202),
    )
    def post(self, request: Request, domain: str, slug: str) -> HttpResponse:
        key = f"{domain}/{slug}"
        return self.step(key, lambda: check_now(actor=self.principal, key=key, now=self.now), 202)


class SourceIntervalView(_SourceStep):
    """How often it is read."""

    @extend_schema(
        operation_id="set_source_interval",
        summary="Say how often a source is read",
        request=IntervalInput,
        responses=answers(WatchedSourceSerializer),
    )
    def post(self, request: Request, domain: str, slug: str) -> HttpResponse:
        key, hours = f"{domain}/{slug}", take(IntervalInput, self.body)["interval_hours"]
        return self.step(key, lambda: set_interval(actor=self.principal, key=key, hours=hours, now=self.now))


class UploadSourceView(_SourceStep):
    """Give the file that the text was written from."""

    @extend_schema(
        operation_id="upload_source",
        summary="Upload a source",
        description="The text in force stays as it is; what differs becomes a finding with a draft change.",
        request=UploadInput,
        responses=answers(WatchedSourceSerializer),
    )
    def post(self, request: Request, domain: str, slug: str) -> HttpResponse:
        key, given = f"{domain}/{slug}", take(UploadInput, self.body)
        return self.step(
            key,
            lambda: upload_source(
                actor=self.principal, key=key, name=given["name"], content=given["text"].encode(), now=self.now
            ),
        )
