"""Keeps what is typed into a form while it is typed, and says who else has it open; must not propose anything."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from context.errors import DomainError
from context.views.pages import PageRequest, page
from governance.drafting import autosave, discard_autosave, mark_present, others_editing

# Not part of what was typed.
LEFT_OUT = frozenset({"csrfmiddlewaretoken", "do", "over", "autosave_subject"})


@require_POST
@page
def keep(request: PageRequest) -> HttpResponse:
    """Keep the form as it stands and answer with one line about it."""
    subject = request.POST.get("autosave_subject", "")
    now = timezone.now()
    form = {name: request.POST.getlist(name) for name in request.POST if name not in LEFT_OUT}
    base = request.POST.get("base_version", "")
    try:
        autosave(
            actor=request.user,
            subject=subject,
            form=form,
            base_version=int(base) if base.isascii() and base.isdigit() and len(base) < 9 else None,
            now=now,
        )
        mark_present(actor=request.user, subject=subject, now=now)
    except DomainError as error:
        return render(request, "governance/_kept.html", {"error": error.detail})
    others = others_editing(actor=request.user, subject=subject, now=now)
    return render(request, "governance/_kept.html", {"at": now, "others": others})


@require_POST
@page
def forget(request: PageRequest) -> HttpResponse:
    """Forget what was kept of a form."""
    discard_autosave(actor=request.user, subject=request.POST.get("subject", ""))
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = "/"
    return HttpResponseRedirect(back)
