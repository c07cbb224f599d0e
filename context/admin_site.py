"""The site of the configuration: the database shows its pages what the person may read; must not register models."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse

from context.access import principal_for
from context.models import User
from context.row_security import reading_as


class ConfigurationSite(AdminSite):
    """The stock admin, read as whoever is signed in. The web server's connections begin as nobody, who sees nothing."""

    site_header = "Plumbline configuration"
    site_title = "Plumbline"
    index_title = "Configuration"
    site_url = "/"

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inner: Callable[..., HttpResponse] = super().admin_view(view, cacheable)

        @wraps(inner)
        def reading(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not isinstance(request.user, User):
                return inner(request, *args, **kwargs)
            with reading_as(principal_for(request.user)):
                response = inner(request, *args, **kwargs)
                # The stock pages are rendered after the view otherwise, when nobody reads any more.
                if hasattr(response, "render"):
                    response.render()
            return response

        return reading
