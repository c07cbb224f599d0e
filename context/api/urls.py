"""The addresses of the context floor under /api/v1/context/; must not hold views."""

from __future__ import annotations

from django.urls import URLPattern, path

from context.api.items import ItemListView, ItemView
from context.api.search import SearchView
from context.api.versions import ComparisonView, VersionListView, VersionView
from context.api.vocabulary import DomainListView, KindListView

# An address that cannot be a key falls through to the one answer for what is not there.
KEY = "items/<slug:domain>/<slug:slug>/"

urlpatterns: list[URLPattern] = [
    path("items/", ItemListView.as_view()),
    path(f"{KEY}", ItemView.as_view()),
    path(f"{KEY}versions/", VersionListView.as_view()),
    path(f"{KEY}versions/<int:number>/", VersionView.as_view()),
    path(f"{KEY}diff/", ComparisonView.as_view()),
    path("search/", SearchView.as_view()),
    path("kinds/", KindListView.as_view()),
    path("domains/", DomainListView.as_view()),
]
