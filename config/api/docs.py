"""The description of the API: as OpenAPI for machines, as one plain page for people; must hold no second truth."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from config.api.entity_tags import not_modified, tag_of, unchanged
from config.api.reference import read_reference
from config.api.rendering import encode


@lru_cache(maxsize=1)
def api_description() -> dict[str, Any]:
    """The OpenAPI 3.1 document. Made once a process: it says what the code is, and the code stands."""
    description: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return description


class SchemaView(APIView):
    """The OpenAPI 3.1 document, open to everyone: it tells what may be asked, not what there is."""

    http_method_names = ["get", "head"]
    authentication_classes = ()
    permission_classes = ()

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        content = encode(api_description())
        etag = tag_of(content)
        if unchanged(request._request, etag):
            return not_modified(etag)
        response = HttpResponse(content, content_type="application/json")
        response["ETag"] = etag
        response["Cache-Control"] = "public, no-cache"
        return response


class DocumentationView(View):
    """The same as a page: rendered on the server, so that it works under the strictest browser policy, and prints."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "api/docs.html", {"reference": read_reference(api_description())})
