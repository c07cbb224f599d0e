"""Configuration in the stock admin: domains, kinds, people, roles, policies. Every write is audited as one event."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from simple_history.admin import SimpleHistoryAdmin

from context.admin import ReadOnlyAdmin, principal_of
from context.errors import DomainError, NotPermitted
from context.kinds import check_schema
from context.models import Domain, Kind, RoleGrant, User
from governance.audit.attempts import record_denied
from governance.audit.ledger import Subject
from governance.audit.withholding import read_event, told_to
from governance.configuration import record_configuration_change
from governance.models import ApprovalPolicy, ApprovalStage, AuditEvent, Change, Review, ReviewInterval
from governance.people import LONGEST_REASON, deactivate_person


def actor_of(request: HttpRequest) -> User:
    """The person at the keyboard."""
    assert isinstance(request.user, User)
    return request.user


class AuditedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A configuration row: saving, linking and deleting it each leave an audit event in the same transaction.

    A save that changes nothing leaves nothing.
    """

    def save_model(self, request: HttpRequest, obj: models.Model, form: forms.ModelForm[Any], change: bool) -> None:
        links = {field.name for field in obj._meta.many_to_many}
        if change and not set(form.changed_data) - links:
            return
        record_configuration_change(
            actor=actor_of(request),
            instance=obj,
            verb="changed" if change else "created",
            write=obj.save,
            now=timezone.now(),
        )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        linked = [field.name for field in form.instance._meta.many_to_many if field.name in form.changed_data]
        rows = [formset for formset in formsets if formset.has_changed()]
        if not linked and not rows:
            # Writes nothing, but leaves the formsets as the page afterwards expects them.
            super().save_related(request, form, formsets, change)
            return
        said: dict[str, Any] = {name: sorted(map(str, form.cleaned_data[name])) for name in linked}

        def write() -> None:
            admin.ModelAdmin.save_related(self, request, form, formsets, change)
            for formset in rows:
                said[formset.model._meta.model_name] = {
                    "added": [str(each) for each in formset.new_objects],
                    "changed": [str(each) for each, _ in formset.changed_objects],
                    "deleted": [str(each) for each in formset.deleted_objects],
                }

        record_configuration_change(
            actor=actor_of(request), instance=form.instance, verb="linked", write=write, now=timezone.now(), many=said
        )

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        record_configuration_change(
            actor=actor_of(request), instance=obj, verb="deleted", write=obj.delete, now=timezone.now()
        )

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        with transaction.atomic():
            for each in queryset:
                self.delete_model(request, each)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The stock page; a refusal of the domain is said on it instead of failing, and a denied attempt recorded."""
        try:
            with transaction.atomic():
                return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            if isinstance(error, NotPermitted):
                name = str(self.model._meta.model_name)
                record_denied(
                    actor=principal_of(request),
                    action=f"{self.model._meta.app_label}.{name}.save",
                    subject=Subject(type=name, id=(object_id or "new")[:200], label=f"{name} in the configuration"),
                    refusal=error,
                    now=timezone.now(),
                )
            messages.error(request, f"{error.detail} {error.fix or ''}".strip())
            return HttpResponseRedirect(request.get_full_path())


class KeptAdmin(AuditedAdmin):
    """A row that texts lean on: it is not deleted, and what leans on it is not listed to whoever may not see it."""

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


@admin.register(Domain)
class DomainAdmin(KeptAdmin, SimpleHistoryAdmin):  # type: ignore[misc]
    list_display = ("name", "slug", "parent", "owner")
    list_select_related = ("parent", "owner")
    search_fields = ("name", "slug")
    autocomplete_fields = ("owner",)

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        # The slug is the first half of every key below it, and keys never change.
        return ("slug",) if obj is not None else ()

    def view_on_site(self, obj: Domain) -> str:
        return reverse("context:domain", args=[obj.slug])


class KindForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_schema(self) -> Any:
        schema = self.cleaned_data["schema"]
        try:
            check_schema(schema)
        except DomainError as error:
            raise forms.ValidationError(error.detail) from error
        return schema


@admin.register(Kind)
class KindAdmin(KeptAdmin, SimpleHistoryAdmin):  # type: ignore[misc]
    form = KindForm
    list_display = ("name", "slug", "built_in", "default_review_interval_days")
    readonly_fields = ("built_in",)

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        return ("slug", "built_in") if obj is not None else ("built_in",)


@admin.register(ReviewInterval)
class ReviewIntervalAdmin(AuditedAdmin, SimpleHistoryAdmin):  # type: ignore[misc]
    list_display = ("__str__", "kind", "sensitivity", "days")
    list_select_related = ("kind",)


class StageInline(admin.StackedInline):  # type: ignore[type-arg]
    model = ApprovalStage
    extra = 0
    min_num = 1
    autocomplete_fields = ("person",)


@admin.register(ApprovalPolicy)
class ApprovalPolicyAdmin(AuditedAdmin, SimpleHistoryAdmin):  # type: ignore[misc]
    list_display = ("name", "kind", "domain", "sensitivity")
    list_select_related = ("kind", "domain")
    inlines = (StageInline,)

    def view_on_site(self, obj: ApprovalPolicy) -> str:
        return reverse("governance:policies")


class RoleInline(admin.TabularInline):  # type: ignore[type-arg]
    model = RoleGrant
    extra = 0


class PersonForm(UserChangeForm):  # type: ignore[type-arg]
    """A person, and where they are let go the reason, which the ledger keeps."""

    why_they_leave = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        help_text="Where you untick “Active”: why. Their texts then fall to the owners of their domains.",
    )


@admin.register(User)
class PersonAdmin(KeptAdmin, UserAdmin):  # type: ignore[type-arg]
    list_display = ("username", "first_name", "last_name", "clearance", "is_active", "is_staff")
    list_filter = ("clearance", "is_active", "is_staff", "groups")
    form = PersonForm
    inlines = (RoleInline,)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("What they may read", {"fields": ("clearance", "groups")}),
        ("What they may configure", {"fields": ("is_staff", "is_superuser", "user_permissions")}),
        ("Whether they are here", {"fields": ("is_active", "why_they_leave")}),
        ("When", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")
    add_fieldsets = (
        (None, {"fields": ("username", "usable_password", "password1", "password2")}),
        ("Person", {"fields": ("first_name", "last_name", "email", "clearance")}),
    )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Letting somebody go is more than a column: their texts fall to others, so it has a function of its own."""
        leaves = change and "is_active" in form.changed_data and not obj.is_active
        if "why_they_leave" in form.changed_data:
            form.changed_data.remove("why_they_leave")
        if leaves:
            obj.is_active = True
            form.changed_data.remove("is_active")
        super().save_model(request, obj, form, change)
        if leaves:
            reason = form.cleaned_data.get("why_they_leave") or "Deactivated in the configuration."
            deactivate_person(actor=actor_of(request), username=obj.username, reason=reason, now=timezone.now())
            obj.is_active = False

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        response: HttpResponse = super().user_change_password(request, id, form_url)
        person = User.objects.filter(pk=id).first()
        if request.method == "POST" and response.status_code == 302 and person is not None:
            record_configuration_change(
                actor=actor_of(request),
                instance=person,
                verb="password_set",
                write=lambda: None,
                now=timezone.now(),
            )
        return response


admin.site.unregister(Group)


@admin.register(Group)
class AudienceAdmin(KeptAdmin, GroupAdmin):
    """Groups are the audiences that texts name."""


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("id", "title", "author", "state", "updated_at")
    list_filter = ("state",)
    list_select_related = ("author",)
    search_fields = ("title",)
    fields = ("title", "reason", "author", "state", "revision", "digest", "created_at", "submitted_at", "published_at")

    def view_on_site(self, obj: Change) -> str:
        return reverse("governance:change", args=[obj.pk])


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = ("change", "reviewer_label", "decision", "created_at")
    list_filter = ("decision",)
    list_select_related = ("change",)
    fields = ("change", "reviewer_label", "decision", "comment", "digest", "created_at")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Review]:
        return Review.objects.filter(change__in=Change.objects.visible_to(principal_of(request)))


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """The ledger as far as the reader's clearance reaches; what is above it is neither shown nor found."""

    list_display = ("sequence", "at", "actor", "action", "subject")
    search_fields = ("action",)
    fields = ("sequence", "at", "actor", "action", "subject", "details", "previous_hash", "hash")
    readonly_fields = ("actor", "subject", "details")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        clearance = models.Value(principal_of(request).clearance)
        found: models.QuerySet[Any] = super().get_queryset(request).annotate(read_with=clearance)
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        found, doubles = super().get_search_results(request, queryset, search_term)
        if search_term:
            told = told_to(principal_of(request).clearance)
            found |= queryset.filter(told, subject_label__icontains=search_term)
        return found, doubles

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            # Its name stands in the head of the page.
            told = read_event(found, clearance=principal_of(request).clearance)
            found.actor_label, found.subject_label, found.data = told.actor_label, told.subject_label, told.data
        return found

    def actor(self, event: Any) -> str:
        told = read_event(event, clearance=event.read_with)
        return told.actor_label or f"{told.actor_kind} {told.actor_id}"

    def subject(self, event: Any) -> str:
        told = read_event(event, clearance=event.read_with)
        return told.subject_label or f"{told.subject_type} {told.subject_id} ({told.in_place})"

    def details(self, event: Any) -> str:
        told = read_event(event, clearance=event.read_with)
        return json.dumps(told.data, ensure_ascii=False, sort_keys=True) if told.is_whole else told.in_place

    def view_on_site(self, obj: AuditEvent) -> str:
        return reverse("governance:event", args=[obj.sequence])
