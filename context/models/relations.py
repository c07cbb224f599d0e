"""Typed links between items; must not hold what a link means for a reader (search and drift do)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class RelationType(models.TextChoices):
    """SKOS and Apache Atlas words where they have one."""

    BROADER = "broader", "is narrower than"
    RELATED = "related", "is related to"
    SYNONYM = "synonym", "means the same as"
    TRANSLATION = "translation", "is a translation of"
    DEPENDS_ON = "depends_on", "depends on"
    IMPLEMENTS = "implements", "implements"
    EXCEPTION_TO = "exception_to", "is an exception to"
    REPLACED_BY = "replaced_by", "is replaced by"
    CONFLICTS_WITH = "conflicts_with", "conflicts with"


class Relation(models.Model):
    """`source` —type→ `target`, as approved with the source's current version."""

    source = models.ForeignKey("context.ContextItem", on_delete=models.PROTECT, related_name="relations")
    target = models.ForeignKey("context.ContextItem", on_delete=models.PROTECT, related_name="related_from")
    type = models.CharField(max_length=20, choices=RelationType.choices)

    class Meta:
        ordering = ["type", "target_id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "target", "type"], name="relation_stated_once"),
            models.CheckConstraint(condition=~Q(source=F("target")), name="relation_joins_two_items"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.get_type_display()} {self.target}"
