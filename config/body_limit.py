"""Refuses a request body that is too large before any of it is read, as 413; must not look at the content."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config.api.errors import BodyTooLarge
from config.api.problems import problem_response


class BodyLimitMiddleware:
    """Judge by Content-Length alone: the web server passes on no more bytes than it announces."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        announced = request.META.get("CONTENT_LENGTH") or "0"
        size = int(announced) if announced.isdecimal() else 0
        if size > settings.BODY_LIMIT_BYTES:
            return too_large(request, size)
        return self.get_response(request)


def too_large(request: HttpRequest, size: int) -> HttpResponse:
    """The problem document: what came, what is accepted, what to do."""
    limit = settings.BODY_LIMIT_BYTES
    error = BodyTooLarge(
        f"The body has {size} bytes; at most {limit} are accepted.",
        limit=limit,
        fix="Send less at once: split the change into several, or import a directory with `import_context`.",
    )
    return problem_response(error, request)
