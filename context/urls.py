"""Addresses of the pages of the context floor; must not hold views."""

from __future__ import annotations

from django.conf import settings
from django.urls import path
from django.views.generic import RedirectView

from context.views import catalogue, domains, item, sign_in

app_name = "context"

urlpatterns = [
    # Asked for by browsers on pages that name no icon, such as the stock admin's.
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}favicon.svg")),
    path("sign-in/", sign_in.SignIn.as_view(), name="sign-in"),
    path("sign-out/", sign_in.SignOut.as_view(), name="sign-out"),
    path("theme/", sign_in.theme, name="theme"),
    path("items/", catalogue.catalogue, name="catalogue"),
    path("items/export/", catalogue.export, name="export-items"),
    path("items/<slug:domain>/<slug:slug>/", item.item, name="item"),
    path("items/<slug:domain>/<slug:slug>/versions/<int:number>/", item.version, name="version"),
    path("items/<slug:domain>/<slug:slug>/diff/", item.diff, name="diff"),
    path("domains/", domains.domains, name="domains"),
    path("domains/<slug:slug>/", domains.domain, name="domain"),
]
