"""Registers model endpoints and says which version is in use: promoted, rolled back, replaced; must not call one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from agents.models import EndpointState, EndpointVersion, Health, Latency, ModelEndpoint
from context.access import Principal
from context.digests import check_storable, digest_of
from context.errors import Conflict, InvalidInput, NotPermitted
from context.models import Role, User
from context.models.domains import SLUG_PATTERN
from governance.audit import ledger
from governance.audit.attempts import asking, denials_recorded

DEAREST = Decimal(100_000)
MOST_CAPABILITIES = 50
_ADDRESS = re.compile(r"https?://[^\s/?#@]{1,253}(:[0-9]{1,5})?(/[^\s?#]{0,400})?")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,79}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelTerms:
    """What one version of an endpoint is: its model, what it can do, its price per million tokens, how fast it is."""

    model: str
    price_in: Decimal
    price_out: Decimal
    currency: str = "USD"
    capabilities: Sequence[str] = ()
    latency: str = Latency.UNKNOWN
    context_window: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "price_in": f"{self.price_in:.6f}",
            "price_out": f"{self.price_out:.6f}",
            "currency": self.currency,
            "capabilities": sorted(set(self.capabilities)),
            "latency": str(self.latency),
            "context_window": self.context_window,
        }


def register_version(
    *,
    actor: User,
    slug: str,
    name: str,
    provider: str,
    owner: User,
    terms: ModelTerms,
    base_url: str = "",
    credential: str = "",
    now: datetime,
) -> EndpointVersion:
    """Make the endpoint, or its next version where anything differs. No agent uses it before it is promoted."""
    principal = _administrator(actor, "register", slug, now)
    _check(slug=slug, name=name, provider=provider, base_url=base_url, credential=credential, terms=terms)
    with transaction.atomic():
        found = ModelEndpoint.objects.select_for_update(of=("self",)).filter(slug=slug).first()
        endpoint = found or ModelEndpoint(slug=slug, created_at=now)
        said = {"name": name, "provider": provider, "base_url": base_url, "credential": credential}
        digest = digest_of({"slug": slug, **said, **terms.as_json()})
        latest = endpoint.versions.order_by("-number").first() if found is not None else None
        if latest is not None and latest.digest == digest and endpoint.owner_id == owner.pk:
            return latest
        endpoint.name, endpoint.provider, endpoint.owner = name, provider, owner
        endpoint.base_url, endpoint.credential = base_url, credential
        endpoint.save()
        version = EndpointVersion.objects.create(
            endpoint=endpoint,
            number=latest.number + 1 if latest is not None else 1,
            digest=digest,
            created_at=now,
            created_by=actor,
            **{**terms.as_json(), "price_in": terms.price_in, "price_out": terms.price_out},
        )
        _tell(
            principal, endpoint, "registered", now, {"version": version.number, **said, **terms.as_json()}, after=digest
        )
    return version


def promote(*, actor: User, endpoint: ModelEndpoint, number: int, reason: str, now: datetime) -> ModelEndpoint:
    """Put this version in use from the next request on. An earlier one than that in use is a rollback."""
    principal = _administrator(actor, "promote", endpoint.slug, now)
    with transaction.atomic():
        locked = _locked(endpoint)
        version = locked.versions.filter(number=number).first()
        if version is None:
            raise InvalidInput(f"There is no version {number}.", field="number", fix="Name a registered version.")
        before = locked.current_version
        if before == version and locked.state == EndpointState.PROMOTED:
            return locked
        locked.current_version, locked.state, locked.replaced_by = version, EndpointState.PROMOTED, None
        locked.health, locked.health_noted_at = Health.UNKNOWN, None
        locked.save()
        back = before is not None and version.number < before.number
        _tell(
            principal,
            locked,
            "rolled_back" if back else "promoted",
            now,
            {"version": number, "from": before.number if before else None, "reason": _reason(reason)},
            before=before.digest if before else None,
            after=version.digest,
        )
    return locked


def replace_endpoint(
    *, actor: User, endpoint: ModelEndpoint, by: ModelEndpoint, reason: str, now: datetime
) -> ModelEndpoint:
    """Take it out of use and lead its agents to another, which is in use."""
    principal = _administrator(actor, "replace", endpoint.slug, now)
    with transaction.atomic():
        both = {
            each.pk: each
            for each in ModelEndpoint.objects.select_for_update(of=("self",))
            .filter(pk__in=[endpoint.pk, by.pk])
            .order_by("pk")
        }
        old, new = both[endpoint.pk], both[by.pk]
        if old == new or new.state != EndpointState.PROMOTED:
            raise Conflict("The replacement is not in use.", field="by", fix="Name another endpoint that is in use.")
        old.state, old.replaced_by = EndpointState.REPLACED, new
        old.save()
        moved = list(old.agents.order_by("slug"))
        for agent in moved:
            agent.endpoint = new
            agent.save(update_fields=["endpoint"])
        told = {"by": new.slug, "agents": [agent.slug for agent in moved], "reason": _reason(reason)}
        _tell(principal, old, "replaced", now, told)
    return old


def suspend_endpoint(*, actor: User, endpoint: ModelEndpoint, reason: str, now: datetime) -> ModelEndpoint:
    """Take it out of use: routes see its agents as down. Promoting a version puts it back."""
    principal = _administrator(actor, "suspend", endpoint.slug, now)
    with transaction.atomic():
        locked = _locked(endpoint)
        if locked.state == EndpointState.SUSPENDED:
            return locked
        before, locked.state = locked.state, EndpointState.SUSPENDED
        locked.save()
        _tell(principal, locked, "suspended", now, {"from": before, "reason": _reason(reason)})
    return locked


def note_health(*, actor: Principal, endpoint: ModelEndpoint, health: str, why: str, now: datetime) -> bool:
    """Note how it does, where that is news. Whoever dispatches to it, or an administrator, says so."""
    if health not in Health.values:
        raise InvalidInput("There is no such state of health.", field="health", limit=", ".join(Health.values))
    with _attempting(actor, "note_health", endpoint.slug, now):
        if actor.kind != "system" and not actor.has_role(Role.ADMINISTRATOR):
            raise NotPermitted("Only an administrator may do this.", fix="Ask an administrator.")
    with transaction.atomic():
        locked = _locked(endpoint)
        if locked.health == health:
            return False
        before, locked.health, locked.health_noted_at = locked.health, health, now
        locked.save(update_fields=["health", "health_noted_at"])
        _tell(actor, locked, "health_noted", now, {"from": before, "to": health, "why": why[:500]})
    return True


def _locked(endpoint: ModelEndpoint) -> ModelEndpoint:
    return ModelEndpoint.objects.select_for_update(of=("self",)).select_related("current_version").get(pk=endpoint.pk)


def _attempting(actor: Principal, step: str, slug: str, now: datetime) -> AbstractContextManager[None]:
    return denials_recorded(
        actor=actor,
        action=f"agents.endpoint.{step}",
        subject=lambda: ledger.Subject(type="endpoint", id=slug[:200] or "new", label=slug[:200]),
        now=now,
    )


def _administrator(actor: User, step: str, slug: str, now: datetime) -> Principal:
    principal = asking(actor)
    with _attempting(principal, step, slug, now):
        if principal.kind != "person":
            raise NotPermitted("Only people look after endpoints.", fix="Ask an administrator.")
        if not principal.has_role(Role.ADMINISTRATOR):
            raise NotPermitted("Only an administrator may do this.", fix="Ask an administrator.")
    return principal


def _check(*, slug: str, name: str, provider: str, base_url: str, credential: str, terms: ModelTerms) -> None:
    for label, value, longest in (("slug", slug, 60), ("name", name, 120), ("provider", provider, 80),
                                  ("model", terms.model, 120)):  # fmt: skip
        check_storable(value, field=label)
        if not value.strip() or len(value) > longest:
            raise InvalidInput(
                f"{label} is empty or too long.", field=label, limit=longest, fix=f"Correct the {label}."
            )
    if not re.fullmatch(SLUG_PATTERN, slug) or slug == "add":
        raise InvalidInput("slug is not a plain name.", field="slug", fix="Use lower-case letters, digits and hyphens.")
    if base_url and not _ADDRESS.fullmatch(base_url):
        raise InvalidInput(
            "base_url is not an http address without a query or a sign-in.",
            field="base_url",
            limit=500,
            fix="Write such as https://models.example.org/v1.",
        )
    if credential and not _VARIABLE.fullmatch(credential):
        raise InvalidInput(
            "credential names an environment variable; it is never the key itself.",
            field="credential",
            limit=80,
            fix="Write such as MODEL_API_KEY.",
        )
    for label, price in (("price_in", terms.price_in), ("price_out", terms.price_out)):
        if not price.is_finite() or not 0 <= price <= DEAREST:
            raise InvalidInput(f"{label} is out of range.", field=label, limit=int(DEAREST), fix="Correct the price.")
    if not re.fullmatch(r"[A-Z]{3}", terms.currency):
        raise InvalidInput("currency has three capital letters.", field="currency", limit=3, fix="Write such as USD.")
    if terms.latency not in Latency.values:
        raise InvalidInput("There is no such latency class.", field="latency", limit=", ".join(Latency.values))
    if terms.context_window is not None and not 1 <= terms.context_window <= 100_000_000:
        raise InvalidInput("context_window is out of range.", field="context_window", limit=100_000_000)
    check_capabilities(terms.capabilities)


def check_capabilities(capabilities: Sequence[str]) -> None:
    """Refuse what is not a short list of plain words."""
    if len(capabilities) > MOST_CAPABILITIES or any(
        len(each) > 40 or not re.fullmatch(SLUG_PATTERN, each) for each in capabilities
    ):
        raise InvalidInput(
            "A capability is a plain word.",
            field="capabilities",
            limit=MOST_CAPABILITIES,
            fix="Use lower-case letters, digits and hyphens.",
        )


def _reason(reason: str) -> str:
    check_storable(reason, field="reason")
    return reason.strip()[:500]


def _tell(
    principal: Principal,
    endpoint: ModelEndpoint,
    what: str,
    now: datetime,
    data: dict[str, Any],
    *,
    before: str | None = None,
    after: str | None = None,
) -> None:
    ledger.append(
        actor=principal,
        action=f"agents.endpoint.{what}",
        subject=ledger.Subject(type="model_endpoint", id=endpoint.slug, label=endpoint.name),
        data=data,
        before=before,
        after=after,
        now=now,
    )
