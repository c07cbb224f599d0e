"""Searches of the catalogue that somebody keeps, for themselves or for everybody; must not hold what they find."""

from __future__ import annotations

from django.db import models


class SavedView(models.Model):
    """A name for the query string of the catalogue. What it finds is judged for whoever opens it."""

    owner = models.ForeignKey("context.User", on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=2_000)
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="a_saved_view_has_one_name"),
            models.CheckConstraint(condition=~models.Q(name=""), name="a_saved_view_is_named"),
        ]

    def __str__(self) -> str:
        return self.name
