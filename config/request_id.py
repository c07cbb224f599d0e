"""Says of every request which one it is and where it came from; the ledger and the logs write it down."""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from context.client_address import during_request_from
from context.program import during_request_by
from context.request_id import during_request

_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIdMiddleware:
    """Accept `X-Request-Id` (at most 64 of A-Z a-z 0-9 . _ -) or make one, and send it back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_in(request.META)
        with (
            during_request(request_id),
            during_request_from(client_address_of(request)),
            during_request_by(request.headers.get("User-Agent", "")),
            structlog.contextvars.bound_contextvars(request_id=request_id),
        ):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response


def request_id_in(environ: Mapping[str, Any]) -> str:
    """The id that a request brings along, where it is sane, or a new one."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return given if given and _SANE.fullmatch(given) else uuid.uuid4().hex


def client_address_of(request: HttpRequest) -> str:
    """The address that the request came from; see `address_in`."""
    return address_in(request.META)


def address_in(environ: Mapping[str, Any]) -> str:
    """The address at the other end of the connection; behind our own proxy, the one that the proxy saw.

    X-Forwarded-For is anybody's to write. Only its last entry is the proxy's, and only where one is known to be there.
    """
    address = environ.get("REMOTE_ADDR", "")
    if settings.SERVED_OVER_HTTPS:
        address = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or address
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""
