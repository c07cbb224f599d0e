"""Comments on a change, anchored to a passage of an edit or to the whole; must not decide anything."""

from __future__ import annotations

from django.db import models


class Comment(models.Model):
    """A remark or a question. `quote` is the passage it is about as it stood in `revision` of the change."""

    change = models.ForeignKey("governance.Change", on_delete=models.PROTECT, related_name="comments")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replies")
    key = models.CharField(max_length=200, blank=True)
    field = models.CharField(max_length=100, blank=True)
    quote = models.TextField(blank=True)
    revision = models.PositiveIntegerField()
    text = models.TextField()
    author = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")
    author_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(text=""), name="a_comment_says_something"),
        ]

    def __str__(self) -> str:
        return f"{self.author_label} on change {self.change_id}"
