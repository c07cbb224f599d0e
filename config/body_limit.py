"""Refuses a request body that is too large before any of it is read, as 413; must not look at the content."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

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
            if "text/html" in request.headers.get("Accept", "") and not request.path_info.startswith("/api/"):
                return render(request, "413.html", status=413)
            return problem_response(
                BodyTooLarge(
                    f"The body has {size} bytes; at most {settings.BODY_LIMIT_BYTES} are accepted.",
                    limit=settings.BODY_LIMIT_BYTES,
                    fix="Send less at once: split the change into several, or import a directory.",
                ),
                request,
            )
        return self.get_response(request)
