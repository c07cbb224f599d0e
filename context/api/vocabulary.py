"""Kinds and domains over HTTP; must hold no rule."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from config.api.described import answers
from config.api.rendering import rendered
from config.api.views import ApiView, json_response
from context.reading import domains_of, kinds
from context.serializers.vocabulary import DomainListSerializer, KindListSerializer


class KindListView(ApiView):
    """Every kind with the JSON Schema of its structured data."""

    open_to = ("person", "agent")

    @extend_schema(operation_id="list_kinds", summary="List kinds", responses=answers(KindListSerializer))
    def get(self, request: Request) -> HttpResponse:
        return json_response(rendered(KindListSerializer({"results": kinds()})))


class DomainListView(ApiView):
    """The domains of the organisation; an agent sees those it reads in."""

    open_to = ("person", "agent")

    @extend_schema(operation_id="list_domains", summary="List domains", responses=answers(DomainListSerializer))
    def get(self, request: Request) -> HttpResponse:
        return json_response(rendered(DomainListSerializer({"results": domains_of(principal=self.principal)})))
