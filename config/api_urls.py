"""Every address under /api/; must not hold views. The last route answers whatever none before it takes."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, re_path

from config.api.failures import unknown_address

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^(?P<rest>.*)$", unknown_address),
]
