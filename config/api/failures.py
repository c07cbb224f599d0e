"""What Django itself refuses, said as a problem to programs and as a page to people; must not be reached on success."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults
from django.views.csrf import csrf_failure as csrf_failure_page
from django.views.decorators.csrf import csrf_exempt

from config.api import errors
from config.api.problems import NOTHING_HERE, as_domain_error, problem_response
from context.errors import NotFound, NotPermitted

PREFIXES = ("/api/", "/mcp")


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(PREFIXES)


@csrf_exempt
def unknown_address(request: HttpRequest, rest: str = "") -> HttpResponse:
    """The last route under /api/: an address that no other route takes, whatever the method."""
    return problem_response(NotFound(NOTHING_HERE), request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return problem_response(as_domain_error(exception) or errors.BadRequest("The request cannot be read."), request)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not _is_api(request):
        return defaults.permission_denied(request, exception)
    return problem_response(as_domain_error(exception) or NotPermitted("You may not do this."), request)


def page_not_found(request: HttpRequest, exception: Http404) -> HttpResponseBase:
    return unknown_address(request) if _is_api(request) else defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    if not _is_api(request):
        return defaults.server_error(request)
    fix = "Try again; if it happens again, tell an administrator the request id."
    return problem_response(errors.InternalError("The request failed for a reason that is ours.", fix=fix), request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Django's CSRF_FAILURE_VIEW."""
    if not _is_api(request):
        return csrf_failure_page(request, reason=reason)
    fix = "Send the csrftoken cookie's value in the header X-CSRFToken."
    return problem_response(errors.CsrfRefused(f"CSRF check failed: {reason}", fix=fix), request)
