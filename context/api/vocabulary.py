"""Kinds, domains and the inventory over HTTP; must hold no rule."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from config.api.described import answers
from config.api.rendering import rendered
from config.api.views import ApiView, json_response
from context.inventory import read_inventory
from context.reading import domains_of, kinds
from context.serializers.vocabulary import DomainListSerializer, InventorySerializer, KindListSerializer


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


class InventoryView(ApiView):
    """Per domain: what there is, how much of it is verified, overdue or without owner, and whether it is ready."""

    @extend_schema(operation_id="read_inventory", summary="Read the inventory", responses=answers(InventorySerializer))
    def get(self, request: Request) -> HttpResponse:
        found = read_inventory(principal=self.principal, now=self.now)
        return json_response(rendered(InventorySerializer({"results": found})))
