"""The addresses of the context floor under /api/v1/context/; must not hold views."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from context.api.items import ItemListView, ItemView
from context.api.versions import ComparisonView, VersionListView, VersionView
from context.api.vocabulary import DomainListView, InventoryView, KindListView

# An address that cannot be a key falls through to the one answer for what is not there.
KEY = r"items/(?P<domain>[a-z0-9-]{1,60})/(?P<slug>[a-z0-9-]{1,200})/"

urlpatterns: list[URLPattern] = [
    re_path(r"^items/$", ItemListView.as_view()),
    re_path(rf"^{KEY}$", ItemView.as_view()),
    re_path(rf"^{KEY}versions/$", VersionListView.as_view()),
    re_path(rf"^{KEY}versions/(?P<number>[1-9][0-9]{{0,8}})/$", VersionView.as_view()),
    re_path(rf"^{KEY}diff/$", ComparisonView.as_view()),
    re_path(r"^kinds/$", KindListView.as_view()),
    re_path(r"^domains/$", DomainListView.as_view()),
    re_path(r"^inventory/$", InventoryView.as_view()),
]
