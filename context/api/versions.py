"""The versions of an item over HTTP, and two of them compared; must hold no rule."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from config.api.described import CURSOR, IF_NONE_MATCH, LIMIT, answers, number
from config.api.errors import InvalidParameter
from config.api.pages import read_page
from config.api.rendering import rendered
from config.api.views import ApiView, json_response
from context.reading import compare_versions, read_version, versions_of
from context.restricted_reads import of_version, record_restricted
from context.serializers.versions import (
    ComparisonSerializer,
    VersionPageSerializer,
    VersionReadingSerializer,
    VersionSummarySerializer,
)

HIGHEST_NUMBER = 2_147_483_647


class VersionListView(ApiView):
    """Every version of an item, newest first, without their text."""

    open_to = ("person", "agent")
    parameters = ("limit", "cursor")

    @extend_schema(
        operation_id="list_versions",
        summary="List an item's versions",
        parameters=[LIMIT, CURSOR],
        responses=answers(VersionPageSerializer),
    )
    def get(self, request: Request, domain: str, slug: str) -> HttpResponse:
        found = versions_of(principal=self.principal, key=f"{domain}/{slug}")
        page = read_page(found, request=self.http_request, parameters=self.query, by="-number")
        return json_response(page.written_as(VersionSummarySerializer))


class VersionView(ApiView):
    """One version with its text and the metadata it was approved with."""

    open_to = ("person", "agent")

    @extend_schema(
        operation_id="read_version",
        summary="Read a version",
        parameters=[IF_NONE_MATCH],
        responses=answers(VersionReadingSerializer, etag=True),
    )
    def get(self, request: Request, domain: str, slug: str, number: int) -> HttpResponse:
        reading = read_version(principal=self.principal, key=f"{domain}/{slug}", number=number)
        response = self.cacheable(rendered(VersionReadingSerializer(reading)))
        shown = [of_version(reading.item, reading.version)]
        record_restricted(principal=self.principal, texts=shown, how="api", now=self.now)
        return response


class ComparisonView(ApiView):
    """What one version says otherwise than another: text by word, the rest by field."""

    open_to = ("person", "agent")
    parameters = ("from", "to")

    @extend_schema(
        operation_id="compare_versions",
        summary="Compare two versions",
        parameters=[
            number("from", "The version to start from.", minimum=1, maximum=HIGHEST_NUMBER, required=True),
            number("to", "The version to compare it with.", minimum=1, maximum=HIGHEST_NUMBER, required=True),
        ],
        responses=answers(ComparisonSerializer),
    )
    def get(self, request: Request, domain: str, slug: str) -> HttpResponse:
        comparison = compare_versions(
            principal=self.principal, key=f"{domain}/{slug}", old=self._number("from"), new=self._number("to")
        )
        response = json_response(rendered(ComparisonSerializer(comparison)))
        shown = [of_version(version.item, version) for version in (comparison.old, comparison.new)]
        record_restricted(principal=self.principal, texts=shown, how="diff", now=self.now)
        return response

    def _number(self, name: str) -> int:
        if not self.query.text(name):
            raise InvalidParameter(f"{name} is missing.", field=name, fix="Give the number of a version.")
        return self.query.integer(name, default=0, minimum=1, maximum=HIGHEST_NUMBER)
