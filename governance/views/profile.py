"""A person's own page: what they may read and do, and their tokens; must not show anyone else's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from context.errors import DomainError
from context.models import Domain, User
from context.views.pages import PageRequest, page
from governance.delegations import delegations_of
from governance.forms.edit_form import said
from governance.personal_tokens import issue_token, own_token, revoke_token

LIFETIMES = {"30": 30, "90": 90, "365": 365}


@require_GET
@page
def profile(request: PageRequest) -> HttpResponse:
    return _show(request)


@require_POST
@page
def make_token(request: PageRequest) -> HttpResponse:
    """Make a token and show it on this one page, never again."""
    now = timezone.now()
    days = LIFETIMES.get(request.POST.get("days", "90"), 90)
    name = request.POST.get("name", "").strip()
    try:
        issued = issue_token(
            user=request.user, name=name, actor=request.principal, now=now, expires_at=now + timedelta(days=days)
        )
    except DomainError as error:
        return _show(request, status=error.status, error=said(error), name=name)
    return _show(request, issued=issued)


@require_POST
@page
def end_token(request: PageRequest, token_id: int) -> HttpResponse:
    token = own_token(user=request.user, token_id=token_id)
    revoke_token(token=token, actor=request.principal, now=timezone.now())
    messages.success(request, f"The token “{token.name}” no longer works.")
    return HttpResponseRedirect(reverse("governance:profile"))


def _show(request: PageRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "now": timezone.now(),
        "tokens": request.user.tokens.order_by("-created_at"),
        "grants": request.user.role_grants.select_related("domain").order_by("role"),
        "owned": request.user.owned_domains.order_by("name"),
        "groups": request.user.groups.order_by("name"),
        "delegations": delegations_of(principal=request.principal)
        .filter(Q(from_person=request.user) | Q(to_person=request.user))
        .filter(until_at__gt=timezone.now(), revoked_at__isnull=True)
        .select_related("from_person", "to_person", "domain"),
        "people": User.objects.filter(is_active=True)
        .exclude(pk=request.user.pk)
        .order_by("first_name", "username")[:500],
        "domains": Domain.objects.order_by("name"),
        **more,
    }
    return render(request, "governance/profile.html", context, status=status)
