"""What is done with one or several texts at once: verified, or proposed for a new owner; must not judge who may."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from context.errors import DomainError, NotFound
from context.views.pages import PageRequest, page
from governance.assignment import propose_owner
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


@require_POST
@page
def assign(request: PageRequest) -> HttpResponse:
    """Propose that somebody owns the items named by `key`: one change, in review."""
    try:
        change = propose_owner(
            actor=request.user,
            keys=request.POST.getlist("key"),
            owner=request.POST.get("new_owner", ""),
            reason=request.POST.get("reason", ""),
            now=timezone.now(),
        )
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(reverse("context:catalogue"))
    messages.success(request, "Proposed. The new owner holds once somebody else approves it.")
    return HttpResponseRedirect(reverse("governance:change", args=[change.pk]))
