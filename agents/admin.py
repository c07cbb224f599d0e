"""Agents and contracts in the stock admin, written through the functions of this floor; keys have their own page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from simple_history.admin import SimpleHistoryAdmin

from agents.contracts import Terms, save_contract
from agents.models import Agent, ContextContract, ContractVersion, Receipt, Refusal, WhenIncomplete
from agents.registry import save_agent
from agents.use import visible_agents
from context.admin import ReadOnlyAdmin, principal_of
from context.tokens import DEFAULT_TOKENIZER, TOKENIZERS
from governance.admin import KeptAdmin, actor_of


@admin.register(Agent)
class AgentAdmin(KeptAdmin, SimpleHistoryAdmin):  # type: ignore[misc]
    list_display = ("name", "slug", "owner", "state", "clearance")
    list_filter = ("state", "clearance")
    list_select_related = ("owner",)
    search_fields = ("name", "slug")
    autocomplete_fields = ("owner",)
    filter_horizontal = ("domains", "audiences", "contracts")
    fields = ("slug", "name", "purpose", "owner", "state", "clearance", "domains", "audiences", "contracts")

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
            now=timezone.now(),
        )
        obj.pk = saved.pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing is left to do: the rights were written with the agent."""

    def view_on_site(self, obj: Agent) -> str:
        return reverse("agents:agent", args=[obj.slug])


class ContractForm(forms.ModelForm):  # type: ignore[type-arg]
    """A contract with the terms of its next version."""

    requirements = forms.JSONField(
        help_text='Such as [{"key": "legal/payment-terms"}, {"kind": "term", "domain": "legal"}].'
    )
    token_budget = forms.IntegerField(min_value=1, initial=4000)
    tokenizer = forms.ChoiceField(choices=[(name, name) for name in TOKENIZERS], initial=DEFAULT_TOKENIZER)
    most_matches = forms.IntegerField(min_value=0, initial=8)
    when_incomplete = forms.ChoiceField(choices=WhenIncomplete.choices, initial=WhenIncomplete.REFUSE)
    task_schema = forms.JSONField(required=False, help_text="JSON Schema of the task, or nothing.")
    output_schema = forms.JSONField(required=False, help_text="JSON Schema of what the agent gives back, or nothing.")
    output_checks = forms.JSONField(required=False)

    class Meta:
        model = ContextContract
        fields = ("slug", "name", "purpose", "owner")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        version = self.instance.current_version
        if version is not None:
            for name in TERMS:
                self.fields[name].initial = getattr(version, name)


TERMS = (
    "requirements",
    "token_budget",
    "tokenizer",
    "most_matches",
    "when_incomplete",
    "task_schema",
    "output_schema",
    "output_checks",
)


@admin.register(ContextContract)
class ContractAdmin(KeptAdmin, SimpleHistoryAdmin):  # type: ignore[misc]
    form = ContractForm
    list_display = ("name", "slug", "owner", "current_version")
    list_select_related = ("owner", "current_version__contract")
    search_fields = ("name", "slug")
    autocomplete_fields = ("owner",)
    fieldsets = (
        (None, {"fields": ("slug", "name", "purpose", "owner")}),
        ("Terms: saving a difference makes the next version", {"fields": TERMS}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        return ("slug",) if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Makes the contract or its next version: one call, one event."""
        data = form.cleaned_data
        version = save_contract(
            actor=actor_of(request),
            slug=obj.slug,
            name=data["name"],
            purpose=data["purpose"],
            owner=data["owner"],
            terms=Terms(**{name: data[name] for name in TERMS if name != "output_checks"}, output_checks=_list(data)),
            now=timezone.now(),
        )
        obj.pk = version.contract_id

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing is left to do: the terms were written with the contract."""

    def view_on_site(self, obj: ContextContract) -> str:
        return reverse("agents:contract", args=[obj.slug])


def _list(data: dict[str, Any]) -> list[Any]:
    return data["output_checks"] or []


@admin.register(ContractVersion)
class ContractVersionAdmin(ReadOnlyAdmin):
    list_display = ("contract", "number", "token_budget", "created_at", "created_by")
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
