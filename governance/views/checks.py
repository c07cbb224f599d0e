"""The checks beside the form that a text is written in; must not save, and judges nothing itself."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from context.access import Principal
from context.errors import NotFound
from context.models import ContextItem, Kind
from context.views.pages import PageRequest, page
from governance.draft_checks import check_draft
from governance.forms.edit_form import EditForm, clean_payload, read_payload


@require_POST
@page
def checks(request: PageRequest) -> HttpResponse:
    """What there is to look at in the form as it stands, as a part of the page."""
    kind = Kind.objects.filter(slug=request.POST.get("kind", "")[:60]).first()
    if kind is None:
        raise NotFound("There is no such kind.")
    payload = clean_payload(read_payload(request.POST, kind, {}))
    subject = request.POST.get("autosave_subject", "")
    key = subject if ContextItem.objects.visible_to(request.principal).filter(key=subject[:250]).exists() else ""
    return render(request, "governance/_checks.html", {"checks": _checked(payload, key, request.principal)})


def checks_of(form: EditForm, *, key: str, principal: Principal) -> dict[str, Any]:
    """For the page itself, where no script asks for them."""
    return {"checks": _checked(clean_payload(form.payload), key, principal)}


def _checked(payload: dict[str, Any], key: str, principal: Principal) -> list[Any]:
    return list(check_draft(key=key, payload=payload, principal=principal, now=timezone.now()))
