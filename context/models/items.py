"""Context items: the identity of a piece of approved context and its metadata in force; must not hold its text."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Upper

from context.models.sensitivity import Sensitivity
from context.models.validity import in_force_at

if TYPE_CHECKING:
    from context.access import Principal

KEY_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$"


def visible_items(principal: Principal, prefix: str = "") -> Q:
    """The condition on items (reached by `prefix`) under which the principal may know they exist.

    Clearance always holds. An audience, where the item names one, must include the principal, or the principal
    owns or stewards the item. An agent reads only inside its domains.
    """
    pk = OuterRef(f"{prefix}pk" if prefix == "" else f"{prefix.removesuffix('__')}_id")
    audiences = ContextItem.audiences.through._default_manager.filter(contextitem_id=pk)
    stewards = ContextItem.stewards.through._default_manager.filter(contextitem_id=pk)
    condition = Q(**{f"{prefix}sensitivity__lte": principal.clearance})
    if principal.domains is not None:
        condition &= Q(**{f"{prefix}domain_id__in": sorted(principal.domains)})
    if principal.kind == "system":
        return condition
    permitted = Q(~Exists(audiences))
    if principal.groups:
        permitted |= Q(Exists(audiences.filter(group_id__in=sorted(principal.groups))))
    if principal.kind == "person":
        permitted |= Q(**{f"{prefix}owner_id": principal.id})
        permitted |= Q(Exists(stewards.filter(user_id=principal.id)))
    return condition & permitted


class ContextItemQuerySet(models.QuerySet["ContextItem"]):
    """Filters named for what they mean in the domain."""

    def visible_to(self, principal: Principal) -> Self:
        """Only what the principal may know exists; every read path starts here."""
        return self.filter(visible_items(principal))

    def in_force(self, at: datetime) -> Self:
        """Items with a version in force at that moment."""
        return self.filter(pk__in=self.model.objects.filter(in_force_at(at, "versions__")).values("pk"))

    def not_retired(self) -> Self:
        return self.filter(retired_at__isnull=True)

    def overdue(self, at: datetime) -> Self:
        """Items whose owner has not confirmed them in time."""
        return self.not_retired().filter(models.Q(verified_until__isnull=True) | models.Q(verified_until__lt=at))


class ContextItem(models.Model):
    """One piece of the organisation's context. Metadata here is what was last approved; text is in versions.

    Rows change only while `governance` publishes or verifies: a trigger refuses every other write.
    """

    key = models.CharField(max_length=200, unique=True)
    kind = models.ForeignKey("context.Kind", on_delete=models.PROTECT, related_name="items")
    domain = models.ForeignKey("context.Domain", on_delete=models.PROTECT, related_name="items")
    title = models.CharField(max_length=300)
    owner = models.ForeignKey(
        "context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="owned_items"
    )
    stewards = models.ManyToManyField("context.User", blank=True, related_name="stewarded_items")
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices, default=Sensitivity.INTERNAL)
    audiences = models.ManyToManyField(Group, blank=True, related_name="context_items")
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    source_kind = models.CharField(max_length=20, blank=True)
    source_uri = models.CharField(max_length=1000, blank=True)
    source_fingerprint = models.CharField(max_length=128, blank=True)
    review_interval_days = models.PositiveIntegerField(default=365)
    verified_until = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    verified_by = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    current_version = models.ForeignKey(
        "context.ContextVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    retired_at = models.DateTimeField(null=True, blank=True)
    replaced_by = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaces")
    created_at = models.DateTimeField()

    objects = ContextItemQuerySet.as_manager()

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(condition=models.Q(key__regex=KEY_PATTERN), name="item_key_is_domain_slash_slug"),
            models.CheckConstraint(
                condition=models.Q(sensitivity__lte=Sensitivity.RESTRICTED), name="item_sensitivity_is_a_level"
            ),
        ]
        indexes = [
            models.Index(fields=["domain", "kind"]),
            models.Index(fields=["verified_until"]),
            GinIndex(fields=["tags"], name="item_tags"),
            GinIndex(OpClass(Upper("title"), name="gin_trgm_ops"), name="item_title_trigrams"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def slug(self) -> str:
        """The second half of the key."""
        return self.key.partition("/")[2]
