"""Every address under /api/; must not hold views. The last route answers whatever none before it takes."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from config.api.docs import DocumentationView, SchemaView
from config.api.failures import unknown_address

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/schema/", SchemaView.as_view(), name="api-schema"),
    path("v1/docs/", DocumentationView.as_view(), name="api-docs"),
    path("v1/", include("governance.api.urls")),
    path("v1/", include("agents.api_urls")),
    path("v1/context/", include("context.api.urls")),
    re_path(r"^(?P<rest>.*)$", unknown_address),
]
