"""Delegation for absence: who decides in my place, and in whose place I may; must not judge what it allows."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from context.errors import DomainError, InvalidInput, NotFound
from context.models import Domain, User
from context.views.pages import PageRequest, page
from governance.delegations import delegate, end_delegation
from governance.forms.edit_form import said


@require_POST
@page
def give(request: PageRequest) -> HttpResponse:
    """Let somebody decide in my place between two days."""
    sent = request.POST
    try:
        to_person = User.objects.filter(username=sent.get("to", ""), is_active=True).first()
        if to_person is None:
            raise InvalidInput("Choose who decides in your place.", field="to")
        delegate(
            actor=request.user,
            to_person=to_person,
            from_at=max(_day(sent.get("from", "")), timezone.now()),
            until_at=datetime.combine(_day(sent.get("until", "")).date(), time.max, tzinfo=UTC),
            reason=sent.get("reason", ""),
            domain=Domain.objects.filter(slug=sent.get("domain", "")).first(),
            now=timezone.now(),
        )
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, f"{to_person.display_name} decides in your place for that time.")
    return HttpResponseRedirect(reverse("governance:profile") + "#absence")


@require_POST
@page
def end(request: PageRequest, delegation_id: int) -> HttpResponse:
    """End it from now on."""
    try:
        end_delegation(actor=request.user, delegation_id=delegation_id, now=timezone.now())
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, "It has ended. What was decided under it stands.")
    return HttpResponseRedirect(reverse("governance:profile") + "#absence")


def _day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time.min, tzinfo=UTC)
    except ValueError as error:
        raise InvalidInput("Give the first and the last day.", field="from", fix="Write 2026-12-24.") from error
