"""A Django site with one JSON view and nothing else, to compare with; must not be part of the product."""

from __future__ import annotations

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path


def bare(request: HttpRequest) -> JsonResponse:
    """The least that a Django view can say in JSON."""
    response = JsonResponse({"status": "ok"})
    response["Content-Length"] = str(len(response.content))
    return response


urlpatterns = [path("bare/", bare)]

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        MIDDLEWARE=[],
        ROOT_URLCONF=__name__,
        SECRET_KEY="only-for-a-site-without-secrets",  # noqa: S106 - it guards nothing
    )

application = get_wsgi_application()
