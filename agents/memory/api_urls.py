"""The addresses of memory under /api/v1/; must not hold views."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from agents.memory import api as memory

NAMESPACE = r"^memory/(?P<namespace>[a-z]{1,10}:[a-z0-9-]{1,60})/"

urlpatterns: list[URLPattern] = [
    re_path(NAMESPACE + "$", memory.NamespaceView.as_view(), name="api-memory"),
    re_path(NAMESPACE + r"(?P<key>[A-Za-z0-9._-]{1,120})/$", memory.EntryView.as_view(), name="api-memory-entry"),
]
