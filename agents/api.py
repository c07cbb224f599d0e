"""The JSON endpoints of the agents floor: bundles and contracts; must hold no rule.

Bundles are served by plain Django views: what DRF does for a request costs more than the bundle.
"""

from __future__ import annotations

from typing import Any

import orjson
from django.core.exceptions import SuspiciousOperation
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from agents.authentication import authenticate
from agents.bundle_headers import agreed_headers, held_digests
from agents.contract_availability import availability_of
from agents.models import ContextContract
from agents.serializers import (
    AvailabilitySerializer,
    BundleRequestSerializer,
    BundleSerializer,
    ContractPageSerializer,
    ContractSerializer,
    ContractSummarySerializer,
    RefusalSerializer,
    render_availability,
)
from agents.serving import parse_request, read_bundle, serve_bundle
from agents.standing_wsgi import PLACE
from config.api.bodies import read_json
from config.api.described import AS_OF, CURSOR, IF_NONE_MATCH, LIMIT, answers
from config.api.entity_tags import not_modified, tag_of, unchanged
from config.api.errors import MethodNotAllowed
from config.api.pages import read_page
from config.api.problems import as_domain_error, problem_response
from config.api.rendering import rendered
from config.api.views import ApiView, json_response
from context.access import Principal
from context.errors import DomainError, NotFound

BODY_LIMIT = 1024 * 1024
# What `as_domain_error` knows how to say; anything else is a fault of ours and Django's handler500 speaks.
REFUSALS = (DomainError, UnreadablePostError, SuspiciousOperation, DataError, UnicodeError)


@csrf_exempt
def bundles(request: HttpRequest) -> HttpResponse:
    """POST /api/v1/bundles/: the bundle, that the agent has it already, or why not. One pass, no DRF.

    An exact repetition of a request is answered before it comes here (agents/standing_wsgi.py).
    """
    try:
        require_method(request, "POST")
        agent = authenticate(request.headers.get("Authorization", ""))
        now = timezone.now()
        asked = parse_request(read_json(request, limit=BODY_LIMIT), now=now)
        held = held_digests(request.headers.get("If-None-Match", ""))
        served = serve_bundle(agent=agent, asked=asked, now=now, held=held)
    except REFUSALS as raised:
        return problem_of(raised, request, allow="POST")
    if PLACE in request.META:
        request.META[PLACE].append(served.standing)
    response = _bundle(b"" if served.held else served.answer, served.bundle.digest, status=304 if served.held else 200)
    for name, value in agreed_headers(served.handed):
        response[name] = value
    return response


@csrf_exempt
def bundle(request: HttpRequest, digest: str) -> HttpResponse:
    """GET /api/v1/bundles/{digest}/: the same bytes again."""
    try:
        require_method(request, "GET")
        agent = authenticate(request.headers.get("Authorization", ""))
        answer = read_bundle(agent=agent, digest=digest, now=timezone.now())
    except REFUSALS as raised:
        return problem_of(raised, request, allow="GET")
    # Read first: what an agent may no longer have is not confirmed to it either.
    if digest in held_digests(request.headers.get("If-None-Match", "")):
        return _bundle(b"", digest, status=304)
    return _bundle(answer, digest)


def _bundle(answer: bytes, digest: str, *, status: int = 200) -> HttpResponse:
    response = HttpResponse(answer, content_type="application/json", status=status)
    if status == 304:
        del response["Content-Type"]
    response["ETag"] = f'"{digest}"'
    response["Cache-Control"] = "private, no-cache"
    response["Vary"] = "Authorization"
    return response


def require_method(request: HttpRequest, method: str) -> None:
    """Refuse any other."""
    if request.method != method:
        raise MethodNotAllowed(f"{request.method} is not taken here.", fix=f"Send {method}.")


def problem_of(raised: Exception, request: HttpRequest, *, allow: str) -> HttpResponse:
    """The problem document of what a plain view refused."""
    error = as_domain_error(raised)
    if error is None:
        raise raised
    response = problem_response(error, request)
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = allow
    return response


class BundlesDescribed(ApiView):
    """How `bundles` reads in the API's description; the view above serves it."""

    open_to = ("agent",)
    answers_once = False  # a bundle is addressed by its content: asking again gives the same one

    @extend_schema(
        operation_id="fetch_bundle",
        summary="Fetch a bundle",
        request=BundleRequestSerializer,
        responses={200: BundleSerializer, 409: RefusalSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        return bundles(request._request)


class BundleDescribed(ApiView):
    """How `bundle` reads in the API's description; the view above serves it."""

    open_to = ("agent",)

    @extend_schema(operation_id="read_bundle", summary="Read a bundle again", responses={200: BundleSerializer})
    def get(self, request: Request, digest: str) -> HttpResponse:
        return bundle(request._request, digest)


def described_by(view: Any, description: type[ApiView]) -> Any:
    """`view`, which the API's description then finds as it finds DRF's views."""
    view.cls, view.initkwargs = description, {}
    return view


class ContractListView(ApiView):
    """The contracts that the caller holds, owns or looks after."""

    open_to = ("person", "agent")
    parameters = ("limit", "cursor")

    @extend_schema(
        operation_id="list_contracts",
        summary="List contracts",
        parameters=[LIMIT, CURSOR],
        responses=answers(ContractPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = ContextContract.objects.visible_to(self.principal)
        found = found.filter(current_version__isnull=False, retired_at__isnull=True)
        page = read_page(
            found.select_related("owner", "domain", "current_version"),
            request=self.http_request,
            parameters=self.query,
            by="slug",
        )
        return json_response(page.rendered(lambda contract: rendered(ContractSummarySerializer(contract))))


class ContractView(ApiView):
    """One contract as it stands."""

    open_to = ("person", "agent")

    @extend_schema(
        operation_id="read_contract",
        summary="Read a contract",
        parameters=[IF_NONE_MATCH],
        responses=answers(ContractSerializer, etag=True),
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        return self.cacheable(rendered(ContractSerializer(_contract(self.principal, slug))))


class ContractAvailabilityView(ApiView):
    """Which of a contract's requirements are met for the caller, now or at `as_of`, and how to meet the others."""

    open_to = ("person", "agent")
    parameters = ("as_of",)

    @extend_schema(
        operation_id="read_availability",
        summary="See whether a contract's context is available",
        description="At a past moment an agent is judged by what it held and might read then, and may read now. The "
        "entity tag stands for the answer without the moment at which it was given.",
        parameters=[AS_OF, IF_NONE_MATCH],
        responses=answers(AvailabilitySerializer, etag=True),
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        contract = _contract(self.principal, slug)
        told = availability_of(principal=self.principal, contract=contract, as_of=self.query.moment("as_of"))
        body = render_availability(contract, told.version.number, told.available)
        etag = tag_of(orjson.dumps({**body, "at": None}))
        if unchanged(self.http_request, etag):
            return not_modified(etag)
        return json_response(body, etag=etag)


def _contract(principal: Principal, slug: str) -> ContextContract:
    found = (
        ContextContract.objects.visible_to(principal)
        .select_related("owner", "domain", "current_version")
        .filter(slug=slug, current_version__isnull=False)
        .first()
    )
    if found is None:
        raise NotFound("There is no such contract.")
    return found
