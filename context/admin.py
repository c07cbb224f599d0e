"""Approved context in the stock admin: to be read as far as one may, and changed only through the change flow."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from context.access import Principal, principal_for
from context.models import ContextItem, ContextVersion, User
from context.restricted_reads import of_version, record_restricted


def principal_of(request: HttpRequest) -> Principal:
    """Who looks: being a superuser opens the configuration, never a text."""
    assert isinstance(request.user, User)
    return principal_for(request.user)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A governed record: nobody adds, changes or deletes it here, superusers included."""

    actions = None
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        visible: models.QuerySet[Any] = self.model._default_manager.visible_to(principal_of(request))
        return visible


@admin.register(ContextItem)
class ContextItemAdmin(ReadOnlyAdmin):
    list_display = ("key", "title", "kind", "domain", "owner", "sensitivity", "verified_until")
    list_filter = ("kind", "domain", "sensitivity")
    list_select_related = ("kind", "domain", "owner")
    search_fields = ("key", "title")
    fields = (
        "change_it",
        "key",
        "title",
        "kind",
        "domain",
        "owner",
        "sensitivity",
        "tags",
        "review_interval_days",
        "verified_at",
        "verified_by",
        "verified_until",
        "retired_at",
        "created_at",
    )
    readonly_fields = ("change_it",)

    @admin.display(description="To change it")
    def change_it(self, item: ContextItem) -> SafeString:
        return format_html(
            '<a href="{}">Open it</a> or <a href="{}">propose an edit</a>: somebody else approves it.',
            self.get_view_on_site_url(item) or "",
            reverse("governance:edit-item", args=[item.domain.slug, item.slug]),
        )

    def view_on_site(self, obj: ContextItem) -> str:
        return reverse("context:item", args=[obj.domain.slug, obj.slug])


@admin.register(ContextVersion)
class ContextVersionAdmin(ReadOnlyAdmin):
    list_display = ("item", "number", "title", "published_at", "superseded_at", "author_label")
    list_select_related = ("item",)
    search_fields = ("item__key", "title")
    date_hierarchy = "published_at"
    fields = (
        "item",
        "number",
        "title",
        "body",
        "data",
        "claims",
        "locale",
        "valid_from",
        "valid_to",
        "published_at",
        "superseded_at",
        "digest",
        "change_number",
        "author_label",
        "approvals",
    )

    @transaction.atomic
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        version = self.get_object(request, object_id)
        if version is not None and response.status_code == 200:
            shown = [of_version(version.item, version)]
            record_restricted(principal=principal_of(request), texts=shown, how="admin", now=timezone.now())
        return response

    def view_on_site(self, obj: ContextVersion) -> str:
        return reverse("context:version", args=[*obj.item.key.split("/"), obj.number])
