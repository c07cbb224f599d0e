"""The base of every JSON endpoint: who asks, when, and answers once; must hold no rule and no query of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.views import APIView

from config.api.authentication import principal_of
from config.api.bodies import read_json
from config.api.entity_tags import not_modified, tag_of, unchanged
from config.api.idempotency import answer_once
from config.api.parameters import Parameters
from config.api.permissions import Caller, IsKnownCaller
from config.api.rendering import encode
from context.access import Principal
from context.row_security import reading_as

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class ApiView(APIView):
    """A view of the API. `open_to` says who may call it; `parameters` names what its query string may hold.

    `answers_once` says whether its writes take an Idempotency-Key.
    """

    permission_classes = [IsKnownCaller]
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    open_to: ClassVar[tuple[Caller, ...]] = ("person",)
    parameters: ClassVar[Collection[str]] = ()
    answers_once: ClassVar[bool] = True
    repeatable: ClassVar[Collection[str]] = ()

    principal: Principal
    reading: ExitStack
    now: datetime
    query: Parameters
    body: Mapping[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.now = timezone.now()
        self.principal = principal_of(request)
        self.reading.enter_context(reading_as(self.principal))
        allowed = self.parameters if request.method in {"GET", "HEAD"} else ()
        self.query = Parameters(request.query_params, allowed=allowed, many=self.repeatable)
        self.body = read_json(request._request) if request.method in UNSAFE else {}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with ExitStack() as self.reading:
            return super().dispatch(request, *args, **kwargs)

    def write(
        self,
        effect: Callable[[], HttpResponse],
        *,
        may_repeat: Callable[[Mapping[str, str]], None] = lambda headers: None,
    ) -> HttpResponse:
        """Carry out the view's one domain call, once for an Idempotency-Key."""
        return answer_once(
            request=self.http_request,
            principal=self.principal,
            body=self.body,
            now=self.now,
            answer=effect,
            may_repeat=may_repeat,
        )

    def cacheable(self, data: Any) -> HttpResponse:
        """A read that may be answered with 304. Call it after access was judged: the tag covers what is permitted."""
        content = encode(data)
        etag = tag_of(content)
        if unchanged(self.http_request, etag):
            return not_modified(etag)
        return _response(content, etag=etag)

    @property
    def http_request(self) -> HttpRequest:
        request: HttpRequest = self.request._request
        return request


def json_response(
    data: Any, *, status: int = 200, etag: str | None = None, location: str | None = None
) -> HttpResponse:
    """An answer in JSON. `etag` and `location` become its headers."""
    response = _response(encode(data), status=status, etag=etag)
    if location is not None:
        response["Location" if status == 201 else "Content-Location"] = location
    return response


def _response(content: bytes, *, status: int = 200, etag: str | None = None) -> HttpResponse:
    response = HttpResponse(content, status=status, content_type="application/json")
    # What is shown is judged by who asks, at each request: a private cache may keep it, but must ask again.
    response["Cache-Control"] = "private, no-cache"
    if etag is not None:
        response["ETag"] = etag
    return response
