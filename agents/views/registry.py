"""The pages of model endpoints and of what nobody sanctioned; must not judge who may change either."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from agents.endpoints import ModelTerms, promote, register_version, replace_endpoint, suspend_endpoint
from agents.models import EndpointState, KeyMisuse, Latency, ModelEndpoint, UnsanctionedUse, UseState
from agents.programs import settle_use
from agents.use import visible_agents
from context.access import Principal
from context.errors import DomainError, InvalidInput, NotFound, NotPermitted
from context.models import Role, User
from context.views.pages import PageRequest, page
from context.views.paging import page_of
from governance.forms.edit_form import said
from governance.models import AuditEvent

LATELY = timedelta(days=30)
SHOWN = 200
ON_A_PAGE = 25
LONGEST_WORDS = 100
AILING_NAMED = 12
TYPED = (
    *("slug", "name", "provider", "owner", "model", "price_in", "price_out", "currency", "capabilities", "latency"),
    *("base_url", "credential"),
)


def may_look_after(principal: Principal) -> bool:
    """Who sees the registry as a whole: administrators and auditors."""
    return principal.has_role(Role.ADMINISTRATOR) or principal.has_role(Role.AUDITOR)


@require_GET
@page
def endpoints(request: PageRequest) -> HttpResponse:
    """Where models answer, which version of each is in use, and what it costs."""
    return _show_endpoints(request)


def _show_endpoints(request: PageRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    _require_sight(request)
    everything = ModelEndpoint.objects.select_related("owner", "current_version", "replaced_by")
    asked = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_WORDS]
    in_use = everything.filter(state=EndpointState.PROMOTED)
    named = Q(name__icontains=asked) | Q(provider__icontains=asked) | Q(current_version__model__icontains=asked)
    context = {
        "page": page_of(request, everything.filter(named).prefetch_related("agents"), ON_A_PAGE),
        "known": everything.count(),
        "asked": asked,
        "in_use": in_use.count(),
        "ailing": in_use.filter(health__in=("down", "degraded"))[:AILING_NAMED],
        **_form(request, None),
        **more,
    }
    return render(request, "agents/endpoints.html", context, status=status)


@require_GET
@page
def endpoint(request: PageRequest, slug: str) -> HttpResponse:
    """One endpoint with its versions and what was done with them."""
    return _show(request, _endpoint(request, slug))


@require_POST
@page
def add_endpoint(request: PageRequest) -> HttpResponse:
    """Register an endpoint, or the next version of one."""
    _require_sight(request)
    posted = request.POST
    now = timezone.now()
    try:
        made = register_version(
            actor=request.user,
            slug=posted.get("slug", "").strip(),
            name=posted.get("name", "").strip(),
            provider=posted.get("provider", "").strip(),
            owner=_owner(posted.get("owner", "")),
            terms=ModelTerms(
                model=posted.get("model", "").strip(),
                price_in=price_of(posted.get("price_in", ""), "price_in"),
                price_out=price_of(posted.get("price_out", ""), "price_out"),
                currency=posted.get("currency", "USD").strip().upper(),
                capabilities=[each.strip() for each in posted.get("capabilities", "").split(",") if each.strip()],
                latency=posted.get("latency", Latency.UNKNOWN),
            ),
            base_url=posted.get("base_url", "").strip(),
            credential=posted.get("credential", "").strip(),
            now=now,
        )
    except NotPermitted as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(reverse("agents:endpoints"))
    except DomainError as error:
        # Back to where it was typed, with all that was typed, and what is wrong beside its field.
        field = error.field if error.field in TYPED else "general"
        more = {"typed": {name: posted.get(name, "") for name in TYPED}, "errors": {field: said(error)}}
        if posted.get("back"):
            return _show(request, _endpoint(request, posted["back"]), status=error.status, **more)
        return _show_endpoints(request, status=error.status, **more)
    messages.success(request, f"Version {made.number} of {made.endpoint.name} is registered. No agent uses it yet.")
    return HttpResponseRedirect(reverse("agents:endpoint", args=[made.endpoint.slug]))


@require_POST
@page
def change_endpoint(request: PageRequest, slug: str) -> HttpResponse:
    """Promote or roll back to a version, suspend, or replace."""
    subject = _endpoint(request, slug)
    do, reason, now = request.POST.get("do", ""), request.POST.get("reason", ""), timezone.now()
    try:
        if do == "suspend":
            suspend_endpoint(actor=request.user, endpoint=subject, reason=reason, now=now)
        elif do == "replace":
            other = _endpoint(request, request.POST.get("by", ""))
            replace_endpoint(actor=request.user, endpoint=subject, by=other, reason=reason, now=now)
        else:
            number = request.POST.get("number", "")
            if not (number.isascii() and number.isdigit() and len(number) < 7):
                raise InvalidInput("Which version?", field="number", fix="Name a version.")
            promote(actor=request.user, endpoint=subject, number=int(number), reason=reason, now=now)
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, "Done. Routes see it from the next decision on.")
    return HttpResponseRedirect(reverse("agents:endpoint", args=[slug]))


@require_GET
@page
def unsanctioned(request: PageRequest) -> HttpResponse:
    """Programs that no agent declares, and keys that were refused: to be sanctioned or blocked."""
    _require_sight(request)
    asked = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_WORDS]
    misuses = KeyMisuse.objects.filter(last_at__gte=timezone.now() - LATELY)
    figures = UnsanctionedUse.objects.aggregate(
        open=Count("pk", filter=Q(state=UseState.OPEN)), settled=Count("pk", filter=~Q(state=UseState.OPEN))
    )
    which = request.GET.get("show", "")
    found: QuerySet[Any]
    if which == "keys":
        found = misuses.select_related("key__agent").order_by("-last_at", "pk")
        narrowed = Q(key__agent__name__icontains=asked) | Q(key__name__icontains=asked)
    else:
        which = "settled" if which == "settled" else ""
        found = UnsanctionedUse.objects.select_related("agent", "settled_by")
        found = found.exclude(state=UseState.OPEN) if which else found.filter(state=UseState.OPEN)
        narrowed = Q(name__icontains=asked) | Q(agent__name__icontains=asked) | Q(client__startswith=asked)
    context = {
        "page": page_of(request, found.filter(narrowed) if asked else found, ON_A_PAGE),
        "figures": {**figures, "keys": misuses.count()},
        "show": which,
        "asked": asked,
        "here": request.get_full_path(),
        "may_settle": request.principal.has_role(Role.ADMINISTRATOR),
    }
    return render(request, "agents/unsanctioned.html", context)


@require_POST
@page
def settle(request: PageRequest, number: int) -> HttpResponse:
    """Sanction, block, or open again."""
    _require_sight(request)
    use = UnsanctionedUse.objects.filter(pk=number).first()
    if use is None:
        raise NotFound("There is no such use.")
    try:
        settled = settle_use(
            actor=request.user,
            use=use,
            state=request.POST.get("state", ""),
            reason=request.POST.get("reason", ""),
            now=timezone.now(),
        )
    except DomainError as error:
        messages.error(request, said(error))
    else:
        word = {"sanctioned": "sanctioned", "blocked": "blocked from its next request on"}.get(
            settled.state, "open again"
        )
        messages.success(request, f"{settled.name} is {word}.")
    back = request.POST.get("next", "")
    if not back.startswith("/agents/unsanctioned/") or not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = reverse("agents:unsanctioned")
    return HttpResponseRedirect(back)


def _show(request: PageRequest, subject: ModelEndpoint, *, status: int = 200, **more: Any) -> HttpResponse:
    events = AuditEvent.objects.filter(subject_type="model_endpoint", subject_id=subject.slug)
    context = {
        "endpoint": subject,
        "versions": subject.versions.select_related("created_by").order_by("-number"),
        "agents": subject.agents.filter(pk__in=visible_agents(request.principal)).order_by("name"),
        "others": ModelEndpoint.objects.filter(state=EndpointState.PROMOTED).exclude(pk=subject.pk),
        "history": events.order_by("-sequence")[:SHOWN],
        **_form(request, subject),
        **more,
    }
    return render(request, "agents/endpoint.html", context, status=status)


def _form(request: PageRequest, subject: ModelEndpoint | None) -> dict[str, Any]:
    version = subject.current_version if subject is not None else None
    return {
        "typed": {
            **{name: getattr(subject, name, "") for name in ("slug", "name", "provider", "base_url", "credential")},
            **{name: getattr(version, name, "") for name in ("model", "price_in", "price_out")},
            "owner": subject.owner.username if subject is not None else request.user.username,
            "currency": version.currency if version is not None else "USD",
            "capabilities": ", ".join(version.capabilities) if version is not None else "",
            "latency": version.latency if version is not None else Latency.UNKNOWN,
        },
        "people": User.objects.filter(is_active=True).order_by("first_name", "username"),
        "latencies": Latency.choices,
        "may_change": request.principal.has_role(Role.ADMINISTRATOR),
    }


def _endpoint(request: PageRequest, slug: str) -> ModelEndpoint:
    _require_sight(request)
    found = ModelEndpoint.objects.select_related("owner", "current_version", "replaced_by").filter(slug=slug).first()
    if found is None:
        raise NotFound("There is no such endpoint.")
    return found


def _require_sight(request: PageRequest) -> None:
    if not may_look_after(request.principal):
        raise NotFound("There is no such page.")


def _owner(username: str) -> User:
    found = User.objects.filter(username=username, is_active=True).first()
    if found is None:
        raise InvalidInput("There is no such person.", field="owner", fix="Choose who answers for it.")
    return found


def price_of(text: str, name: str) -> Decimal:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        raise InvalidInput(f"{name} is not a number.", field=name, fix="Write such as 2.50.") from None
