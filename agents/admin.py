"""Agents and contracts in the stock admin, written through the functions of this floor; keys have their own page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from simple_history.admin import SimpleHistoryAdmin

from agents.models import (
    Agent,
    Budget,
    ContextContract,
    ContractVersion,
    PushTarget,
    Receipt,
    Refusal,
    TraceExport,
)
from agents.registry import save_agent
from agents.runs.setting_budgets import visible_budgets
from agents.use import visible_agents
from context.admin import ReadOnlyAdmin, principal_of
from context.models import Role
from governance.admin import KeptAdmin, actor_of


@admin.register(Agent)
class AgentAdmin(KeptAdmin, SimpleHistoryAdmin):  # type: ignore[misc]
    list_display = ("name", "slug", "owner", "state", "clearance")
    list_filter = ("state", "clearance")
    list_select_related = ("owner",)
    search_fields = ("name", "slug")
    autocomplete_fields = ("owner",)
    filter_horizontal = ("domains", "audiences", "contracts")
    fields = (
        *("slug", "name", "purpose", "owner", "state", "clearance", "domains", "audiences", "contracts"),
        *("endpoint", "capabilities", "programs"),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        return ("slug",) if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Registers it, or gives it exactly these rights: one call, one event."""
        data = form.cleaned_data
        saved = save_agent(
            actor=actor_of(request),
            slug=obj.slug,
            name=data["name"],
            purpose=data["purpose"],
            owner=data["owner"],
            clearance=data["clearance"],
            domains=list(data["domains"]),
            audiences=list(data["audiences"]),
            contracts=list(data["contracts"]),
            state=data["state"],
            endpoint=data["endpoint"],
            capabilities=data["capabilities"] or [],
            programs=data["programs"] or [],
            now=timezone.now(),
        )
        obj.pk = saved.pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing is left to do: the rights were written with the agent."""

    def view_on_site(self, obj: Agent) -> str:
        return reverse("agents:agent", args=[obj.slug])


@admin.register(PushTarget)
class PushTargetAdmin(ReadOnlyAdmin):
    """How runs are sent out. Changed on the agent's page; what signs the posts stands nowhere."""

    list_display = ("agent", "kind", "url", "failures", "closed_until", "changed_at")
    list_select_related = ("agent",)
    fields = (
        *("agent", "kind", "url", "instructions", "timeout_seconds", "most_output_tokens"),
        *("failures", "closed_until", "changed_at"),
    )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[PushTarget]:
        return PushTarget.objects.filter(agent__in=visible_agents(principal_of(request)))

    def view_on_site(self, obj: PushTarget) -> str:
        return reverse("agents:agent", args=[obj.agent.slug])


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin):
    """What runs may use. Changed on the page of budgets."""

    list_display = ("agent", "domain", "period", "tokens", "cost")
    list_select_related = ("agent", "domain")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Budget]:
        return visible_budgets(principal_of(request))


@admin.register(ContextContract)
class ContractAdmin(ReadOnlyAdmin):
    """Contracts change through reviewed changes alone: their page proposes one."""

    list_display = ("name", "slug", "owner", "domain", "current_version")
    list_select_related = ("owner", "domain", "current_version__contract")
    search_fields = ("name", "slug")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ContextContract]:
        return ContextContract.objects.visible_to(principal_of(request))

    def view_on_site(self, obj: ContextContract) -> str:
        return reverse("agents:contract", args=[obj.slug])


@admin.register(ContractVersion)
class ContractVersionAdmin(ReadOnlyAdmin):
    list_display = ("contract", "number", "token_budget", "change_number", "author_label", "created_at")
    list_select_related = ("contract", "created_by")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ContractVersion]:
        return ContractVersion.objects.filter(contract__in=ContextContract.objects.visible_to(principal_of(request)))


class DeliveryAdmin(ReadOnlyAdmin):
    """What agents got or were refused, as far as one may know of the agent."""

    list_filter = ("agent",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        found: models.QuerySet[Any] = self.model._default_manager.all()
        return found.filter(agent__in=visible_agents(principal_of(request)))


@admin.register(Receipt)
class ReceiptAdmin(DeliveryAdmin):
    list_display = ("served_at", "agent", "bundle_digest", "key_prefix")
    list_select_related = ("agent",)
    fields = ("served_at", "agent", "bundle_digest", "key_prefix", "request_id")
    readonly_fields = ("bundle_digest",)

    @admin.display(description="bundle")
    def bundle_digest(self, receipt: Receipt) -> str:
        return receipt.bundle_id


@admin.register(Refusal)
class RefusalAdmin(DeliveryAdmin):
    list_display = ("refused_at", "agent", "contract_version", "key_prefix")
    list_select_related = ("agent", "contract_version__contract")
    fields = ("refused_at", "agent", "contract_version", "gaps", "key_prefix", "request_id")


@admin.register(TraceExport)
class TraceExportAdmin(ReadOnlyAdmin):
    """How far spans have left for the collector, and what it last answered: for who looks after the installation."""

    list_display = ("__str__", "delivered", "refused", "failures", "next_attempt_at", "delivered_at")
    fields = ("cursor", "delivered", "refused", "failures", "next_attempt_at", "delivered_at", "last_error")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[TraceExport]:
        principal = principal_of(request)
        looks_after = principal.has_role(Role.ADMINISTRATOR) or principal.has_role(Role.AUDITOR)
        return TraceExport.objects.all() if looks_after else TraceExport.objects.none()
