"""What flows and rule sets have alike: a name that stays, and the states published under it; must not publish one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models
from django.db.models import Q

from context.models import Sensitivity

if TYPE_CHECKING:
    from context.access import Principal

Record = TypeVar("Record", bound=models.Model)


class NamedQuerySet(models.QuerySet[Record]):
    def known_to_person(self, principal: Principal) -> Self:
        """Up to one's clearance: its owner, who has a part in its domain, who administers or audits.

        One without a domain is the whole organisation's.
        """
        cleared = self.filter(sensitivity__lte=principal.clearance)
        if principal.has_role("administrator") or principal.has_role("auditor"):
            return cleared
        if any(domain_id is None for _, domain_id in principal.roles):
            return cleared
        theirs = {domain_id for _, domain_id in principal.roles if domain_id is not None}
        return cleared.filter(Q(owner=principal.id) | Q(domain__isnull=True) | Q(domain__in=theirs))


class Named(models.Model):
    """The name; what it says stands in its current version, which the columns beside the slug repeat in part."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    purpose = models.TextField(blank=True)
    domain = models.ForeignKey("context.Domain", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices, default=Sensitivity.INTERNAL)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class PublishedState(models.Model):
    """One state under such a name, as the change that published it left it.

    `digest` is the SHA-256 of the canonical JSON of the slug and the payload.
    """

    number = models.PositiveIntegerField()
    payload = models.JSONField()
    digest = models.CharField(max_length=64)
    author_label = models.CharField(max_length=200, blank=True)
    approvals = models.JSONField(default=list)
    published_at = models.DateTimeField()

    class Meta:
        abstract = True
