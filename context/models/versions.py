"""Context versions: immutable approved text with the times it is true and known; must not change once written."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q
from django.db.models.lookups import Exact

from context.models.items import visible_items
from context.models.people import User
from context.models.sensitivity import Sensitivity
from context.models.validity import in_force_at

if TYPE_CHECKING:
    from context.access import Principal


def was_permitted(principal: Principal) -> Q:
    """The condition under which a version, by the metadata it was approved with, is the principal's to read.

    An item that was opened up does not open its older texts with it. Says the same as `context/visibility.py` in SQL.
    """
    condition = Q(metadata__sensitivity__in=[level.word for level in Sensitivity if level <= principal.clearance])
    if principal.kind == "system":
        return condition
    permitted = Q(metadata__audiences=[])
    if principal.groups:
        named = Group.objects.filter(pk__in=sorted(principal.groups))
        permitted |= Q(Exists(named.filter(_names("metadata__audiences", "name"))))
    if principal.kind == "person":
        username = Func("username", function="to_jsonb", output_field=models.JSONField())
        owned = Q(Exact(username, OuterRef("metadata__owner")))
        person = User.objects.filter(pk=principal.id)
        permitted |= Q(Exists(person.filter(owned | Q(_names("metadata__stewards", "username")))))
    return condition & permitted


def _names(names: str, column: str) -> Func:
    """Whether the outer row's JSON array of names holds this column."""
    return Func(OuterRef(names), F(column), function="jsonb_exists", output_field=models.BooleanField())


class ContextVersionQuerySet(models.QuerySet["ContextVersion"]):
    def visible_to(self, principal: Principal) -> Self:
        """Versions of items that the principal may know exist now, and that were theirs to read as approved."""
        return self.filter(visible_items(principal, prefix="item__"), was_permitted(principal))

    def in_force(self, at: datetime) -> Self:
        """At most one version an item: the text that was known and true at that moment."""
        return self.filter(in_force_at(at))


class ContextVersion(models.Model):
    """One approved text of an item.

    `valid_from`/`valid_to` say when it is true in the world, `published_at` when it became known to us, and
    `superseded_at` from when another version is in force instead (the only column a trigger lets change).
    `metadata` is the item's metadata as approved with this text; `digest` is SHA-256 over the canonical JSON of both.
    """

    item = models.ForeignKey("context.ContextItem", on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    data = models.JSONField(default=dict)
    claims = models.JSONField(default=list)
    locale = models.CharField(max_length=35, default="en")
    metadata = models.JSONField(default=dict)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True, blank=True)
    digest = models.CharField(max_length=64)
    change_number = models.PositiveBigIntegerField()
    author_label = models.CharField(max_length=200)
    approvals = models.JSONField(default=list)

    objects = ContextVersionQuerySet.as_manager()

    class Meta:
        ordering = ["item_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["item", "number"], name="version_numbered_once_per_item"),
            models.UniqueConstraint(fields=["item", "change_number"], name="change_makes_one_version_of_an_item"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="version_validity_is_ordered"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="version_numbers_start_at_one"),
        ]
        indexes = [
            models.Index(fields=["item", "published_at"]),
            models.Index(fields=["change_number"]),
        ]

    def __str__(self) -> str:
        return f"{self.title} (version {self.number})"
