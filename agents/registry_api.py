"""The JSON endpoints of the registry: model endpoints, and programs that nobody sanctioned; must hold no rule."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from agents.models import Health, ModelEndpoint, UnsanctionedUse, UseKind, UseState
from agents.programs import settle_use
from config.api.described import CURSOR, LIMIT, answers, word
from config.api.pages import read_page
from config.api.views import ApiView, json_response
from context.access import Principal
from context.digests import iso
from context.errors import InvalidInput, NotFound
from context.models import Role, User


class EndpointSerializer(serializers.Serializer[Any]):
    slug = serializers.SlugField()
    name = serializers.CharField()
    provider = serializers.CharField()
    state = serializers.CharField()
    health = serializers.ChoiceField(Health.values)
    version = serializers.IntegerField(allow_null=True)
    model = serializers.CharField(allow_null=True)
    capabilities = serializers.ListField(child=serializers.CharField())
    price_in = serializers.CharField(allow_null=True, help_text="Per million tokens, in `currency`.")
    price_out = serializers.CharField(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    latency = serializers.CharField(allow_null=True)


class EndpointPageSerializer(serializers.Serializer[Any]):
    results = EndpointSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class UseSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(UseKind.values)
    name = serializers.CharField(help_text="Empty for those that had no room in the list.")
    agent = serializers.CharField(allow_null=True, help_text="Whose key it last presented.")
    minutes_seen = serializers.IntegerField()
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    state = serializers.ChoiceField(UseState.values)


class UsePageSerializer(serializers.Serializer[Any]):
    results = UseSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class SettleSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(UseState.values)
    reason = serializers.CharField(required=False, max_length=500)


class EndpointsView(ApiView):
    """Where models answer, for who looks after the registry."""

    parameters = ("limit", "cursor")

    @extend_schema(
        operation_id="list_endpoints",
        summary="List model endpoints",
        parameters=[LIMIT, CURSOR],
        responses=answers(EndpointPageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = ModelEndpoint.objects.select_related("current_version")
        if not _may_look_after(self.principal):
            found = found.none()
        page = read_page(found, request=self.http_request, parameters=self.query, by="slug")
        return json_response(page.rendered(_endpoint))


class UnsanctionedView(ApiView):
    """Programs that present agents' keys and that no agent declares."""

    parameters = ("limit", "cursor", "state")

    @extend_schema(
        operation_id="list_unsanctioned",
        summary="List unsanctioned programs",
        parameters=[word("state", "open, sanctioned or blocked."), LIMIT, CURSOR],
        responses=answers(UsePageSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = _uses(self.principal)
        state = self.query.choice("state", UseState.values)
        page = read_page(
            found.filter(state=state) if state else found, request=self.http_request, parameters=self.query, by="-id"
        )
        return json_response(page.rendered(_use))


class SettleUseView(ApiView):
    """Sanction a program, block it, or open it again."""

    @extend_schema(
        operation_id="settle_unsanctioned",
        summary="Sanction or block a program",
        request=SettleSerializer,
        responses=answers(UseSerializer),
    )
    def post(self, request: Request, use_id: str) -> HttpResponse:
        return self.write(lambda: self._settled(request, use_id))

    def _settled(self, request: Request, use_id: str) -> HttpResponse:
        use = _uses(self.principal).filter(pk=min(int(use_id), 2**63 - 1)).first()
        if use is None:
            raise NotFound("There is no such use.")
        unknown = sorted(set(self.body) - {"state", "reason"})
        state, reason = self.body.get("state"), self.body.get("reason", "")
        if unknown or not isinstance(state, str) or not isinstance(reason, str) or len(reason) > 500:
            field = unknown[0][:60] if unknown else "state" if not isinstance(state, str) else "reason"
            raise InvalidInput(f"{field} is not as it should be.", field=field, limit=500, fix="Send state and reason.")
        actor: Any = request.user
        if not isinstance(actor, User):
            raise NotFound("There is no such use.")
        settled = settle_use(actor=actor, use=use, state=state, reason=reason, now=self.now)
        return json_response(_use(settled))


def _may_look_after(principal: Principal) -> bool:
    return principal.has_role(Role.ADMINISTRATOR) or principal.has_role(Role.AUDITOR)


def _uses(principal: Principal) -> QuerySet[UnsanctionedUse]:
    """All for who looks after the registry; for anybody else there are none."""
    found = UnsanctionedUse.objects.select_related("agent")
    return found if _may_look_after(principal) else found.none()


def _endpoint(endpoint: ModelEndpoint) -> dict[str, Any]:
    version = endpoint.current_version
    return {
        "slug": endpoint.slug,
        "name": endpoint.name,
        "provider": endpoint.provider,
        "state": endpoint.state,
        "health": endpoint.health,
        "version": version.number if version else None,
        "model": version.model if version else None,
        "capabilities": version.capabilities if version else [],
        "price_in": str(version.price_in) if version else None,
        "price_out": str(version.price_out) if version else None,
        "currency": version.currency if version else None,
        "latency": version.latency if version else None,
    }


def _use(use: UnsanctionedUse) -> dict[str, Any]:
    return {
        "id": use.pk,
        "kind": use.kind,
        "name": use.name,
        "agent": use.agent.slug if use.agent is not None else None,
        "minutes_seen": use.times,
        "first_seen_at": iso(use.first_seen_at),
        "last_seen_at": iso(use.last_seen_at),
        "state": use.state,
    }
