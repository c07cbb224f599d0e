"""Confirming that texts are still true, one or several at once; must not judge who may (verification does)."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from context.errors import DomainError, NotFound
from context.views.pages import PageRequest, page
from governance.forms.edit_form import said
from governance.verification import verify_items


@require_POST
@page
def verify(request: PageRequest) -> HttpResponse:
    """Verify the items named by `key` and go back to where the button was."""
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = "/"
    try:
        items = verify_items(actor=request.user, keys=request.POST.getlist("key"), now=timezone.now())
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(back)
    if len(items) == 1 and items[0].verified_until is not None:
        until = items[0].verified_until
        messages.success(request, f"Verified as still true until {until.day} {until:%B %Y}.")
    else:
        messages.success(request, f"{len(items)} texts verified as still true.")
    return HttpResponseRedirect(back)
