"""Items over HTTP: the list of what is in force, and one item; must hold no rule."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from config.api.described import AS_OF, CURSOR, IF_NONE_MATCH, LIMIT, answers, word
from config.api.pages import read_page
from config.api.views import ApiView, json_response
from context.reading import ItemFilters, items_in_force, read_item
from context.restricted_reads import of_version, record_restricted
from context.serializers.items import ItemPageSerializer, ItemSerializer, ItemSummarySerializer, render_item
from context.serializers.people import SENSITIVITIES


class ItemListView(ApiView):
    """What is in force now, or was at `as_of`, among the items that the caller may see."""

    open_to = ("person", "agent")
    parameters = ("kind", "domain", "owner", "tag", "q", "sensitivity", "as_of", "limit", "cursor")
    repeatable = ("tag",)

    @extend_schema(
        operation_id="list_items",
        summary="List items",
        parameters=[
            word("kind", "Slug of a kind."),
            word("domain", "Slug of a domain; those below it are included."),
            word("owner", "User name of the owner."),
            OpenApiParameter("tag", {"type": "array", "items": {"type": "string"}}, description="Repeat for several."),
            word("q", "Words that the title, the key or the tags hold, all of them."),
            OpenApiParameter("sensitivity", str, enum=SENSITIVITIES),
            AS_OF,
            LIMIT,
            CURSOR,
        ],
        responses=answers(ItemPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        filters = ItemFilters(
            kind=self.query.text("kind"),
            domain=self.query.text("domain"),
            owner=self.query.text("owner"),
            sensitivity=self.query.choice("sensitivity", SENSITIVITIES),
            tags=tuple(self.query.texts("tag")),
            words=self.query.text("q"),
        )
        at = self.query.moment("as_of") or self.now
        found = items_in_force(principal=self.principal, filters=filters, at=at)
        page = read_page(found, request=self.http_request, parameters=self.query, by="key")
        return json_response(page.written_as(ItemSummarySerializer))


class ItemView(ApiView):
    """One item with its metadata, and the version in force now or at `as_of`."""

    open_to = ("person", "agent")
    parameters = ("as_of",)

    @extend_schema(
        operation_id="read_item",
        summary="Read an item",
        parameters=[AS_OF, IF_NONE_MATCH],
        responses=answers(ItemSerializer, etag=True),
    )
    def get(self, request: Request, domain: str, slug: str) -> HttpResponse:
        at = self.query.moment("as_of") or self.now
        reading = read_item(principal=self.principal, key=f"{domain}/{slug}", at=at)
        response = self.cacheable(render_item(reading))
        if reading.version is not None:
            shown = [of_version(reading.item, reading.version)]
            record_restricted(principal=self.principal, texts=shown, how="api", now=self.now)
        return response
