"""Domains: the functions of the organisation, as a tree with owners; must not hold text."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from simple_history.models import HistoricalRecords

SLUG_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"


class Domain(models.Model):
    """A function of the organisation (Sales, Legal, …). `slug` is the first half of every item's key below it."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    owner = models.ForeignKey(
        "context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="owned_domains"
    )
    history: ClassVar[HistoricalRecords] = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=models.Q(slug__regex=SLUG_PATTERN), name="domain_slug_is_plain"),
            models.CheckConstraint(
                condition=models.Q(parent__isnull=True) | ~models.Q(parent=models.F("id")),
                name="domain_is_not_its_own_parent",
            ),
        ]

    def __str__(self) -> str:
        return self.name


def ancestors(domain: Domain) -> list[Domain]:
    """`domain`, its parent and so on up to the root; nearest first. One query per level, at most 20 levels."""
    chain = [domain]
    while (parent := chain[-1].parent) is not None and len(chain) < 20:
        chain.append(parent)
    return chain
