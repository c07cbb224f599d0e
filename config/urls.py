"""The URL map of the whole application; must not hold views."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from config.health import healthz, readyz

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("api/", include("config.api_urls")),
    path("admin/", admin.site.urls),
    path("", include("governance.urls")),
    path("", include("context.urls")),
    path("", include("agents.urls")),
]

handler400 = "config.api.failures.bad_request"
handler403 = "config.api.failures.permission_denied"
handler404 = "config.api.failures.page_not_found"
handler500 = "config.api.failures.server_error"
