"""Says of every request which one it is and where it came from; the ledger and the logs write it down."""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from context.client_address import during_request_from
from context.request_id import during_request

_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIdMiddleware:
    """Accept `X-Request-Id` (at most 64 of A-Z a-z 0-9 . _ -) or make one, and send it back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _SANE.fullmatch(given) else uuid.uuid4().hex
        with (
            during_request(request_id),
            during_request_from(client_address_of(request)),
            structlog.contextvars.bound_contextvars(request_id=request_id),
        ):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response


def client_address_of(request: HttpRequest) -> str:
    """The address at the other end of the connection; behind our own proxy, the one that the proxy saw.

    X-Forwarded-For is anybody's to write. Only its last entry is the proxy's, and only where one is known to be there.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.SERVED_OVER_HTTPS:
        address = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or address
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""
