"""What every page has in common: somebody is signed in, and hidden reads as nonexistent; must hold no rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

from context.access import Principal, principal_for
from context.errors import NotFound, NotPermitted
from context.models import User
from context.row_security import reading_as


class PageRequest(HttpRequest):
    """A request of somebody signed in, with the principal that reads are judged by."""

    user: User
    principal: Principal
    htmx: Any


View = Callable[..., HttpResponseBase]


def page(view: View) -> Callable[..., HttpResponseBase]:
    """Ask for a sign-in, put the principal on the request, and turn the domain's refusals into error pages."""

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        signed_in = cast(PageRequest, request)
        signed_in.principal = principal_for(signed_in.user)
        try:
            with reading_as(signed_in.principal):
                response = view(signed_in, *args, **kwargs)
        except NotFound as error:
            raise Http404 from error
        except NotPermitted as error:
            raise PermissionDenied(error.detail) from error
        # A page shows what its reader may see at that moment: no cache keeps it for the next one.
        response.headers.setdefault("Cache-Control", "private, no-store")
        patch_vary_headers(response, ["HX-Request"])
        return response

    return wrapped
