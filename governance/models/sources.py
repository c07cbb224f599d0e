"""What is known of the systems of record that items name, and the files uploaded for them; must not fetch any.

Rows say what was last read, as a mark of a scan does. Whoever may know the item may know of its source.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class SourceState(models.TextChoices):
    WAITING = "waiting", "Not read yet"
    UNCHANGED = "unchanged", "Unchanged"
    CHANGED = "changed", "Changed"
    UNREADABLE = "unreadable", "Cannot be read"


class WatchedSource(models.Model):
    """The source of one item. `base_*` is the text that the item follows, `seen_*` the text as it was last read.

    `kind` and `uri` repeat the item's: when they differ, the item names another source and everything here is void.
    `why` and `reason` say what kept the last reading from giving a text. `next_check_at` is put off while somebody
    reads, so that what a killed worker had in hand is taken up again.
    """

    item = models.OneToOneField("context.ContextItem", on_delete=models.PROTECT, related_name="watched_source")
    kind = models.CharField(max_length=20)
    uri = models.CharField(max_length=1000)
    state = models.CharField(max_length=12, choices=SourceState.choices, default=SourceState.WAITING)
    why = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    interval_hours = models.PositiveIntegerField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField()
    failures = models.PositiveIntegerField(default=0)
    etag = models.CharField(max_length=200, blank=True)
    last_modified = models.CharField(max_length=200, blank=True)
    base_digest = models.CharField(max_length=80, blank=True)
    base_text = models.TextField(blank=True)
    seen_digest = models.CharField(max_length=80, blank=True)
    seen_text = models.TextField(blank=True)

    class Meta:
        ordering = ["item_id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=SourceState.values), name="source_state_is_known"),
            models.CheckConstraint(
                condition=~Q(state="unreadable") | (~Q(why="") & ~Q(reason="")), name="an_unreadable_source_says_why"
            ),
        ]
        indexes = [models.Index(fields=["next_check_at"], name="source_is_due")]

    def __str__(self) -> str:
        return f"{self.kind} {self.uri}"[:200]

    @property
    def is_asked(self) -> bool:
        """Somebody asked for a reading that has not been made yet."""
        return self.asked_at is not None and (self.checked_at is None or self.checked_at < self.asked_at)


class SourceUpload(models.Model):
    """A file that somebody uploaded as the source of an item: what it says, and the digest of its bytes."""

    item = models.ForeignKey("context.ContextItem", on_delete=models.PROTECT, related_name="source_uploads")
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=80)
    size = models.PositiveIntegerField()
    text = models.TextField()
    uploaded_by = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, related_name="+")
    uploaded_at = models.DateTimeField()

    class Meta:
        ordering = ["item_id", "-uploaded_at", "-id"]
        indexes = [models.Index(fields=["item", "-uploaded_at", "-id"], name="latest_upload_of_item")]

    def __str__(self) -> str:
        return self.name
