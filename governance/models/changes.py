"""Changes and the edits they propose; must not hold approved text (that is the context floor's)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q

from context.models import Sensitivity, visible_items

if TYPE_CHECKING:
    from context.access import Principal


class ChangeState(models.TextChoices):
    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    APPROVED = "approved", "Approved"
    SCHEDULED = "scheduled", "Scheduled"
    PUBLISHED = "published", "Published"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"

    @classmethod
    def open_states(cls) -> tuple[ChangeState, ...]:
        return (cls.DRAFT, cls.IN_REVIEW, cls.APPROVED, cls.SCHEDULED)


class Operation(models.TextChoices):
    CREATE = "create", "Create"
    REVISE = "revise", "Revise"
    RETIRE = "retire", "Retire"
    REVERT = "revert", "Revert"


class ChangeQuerySet(models.QuerySet["Change"]):
    def visible_to(self, principal: Principal) -> Self:
        """Changes whose every edit the principal may read, before and after; drafts only for those who edit them."""
        if principal.kind == "system":
            return self
        edits = Edit.objects.filter(change=OuterRef("pk"))
        readable = Q(~Exists(edits.exclude(readable_edits(principal))))
        if principal.kind != "person":
            return self.filter(readable).exclude(state=ChangeState.DRAFT)
        # Whoever edits a change goes on seeing it, also for an audience they are not in, but never above clearance.
        editing = Change.editors.through._default_manager.filter(change_id=OuterRef("pk"), user_id=principal.id)
        above = edits.exclude(
            Q(sensitivity__lte=principal.clearance) & (Q(item__isnull=True) | visible_items(principal, prefix="item__"))
        )
        return self.filter((Q(Exists(editing)) & Q(~Exists(above))) | (readable & ~Q(state=ChangeState.DRAFT)))


class Change(models.Model):
    """A proposed edit to one or more items, with its reason, its reviews and its outcome.

    `revision` counts content edits, so that undoing an edit does not restore an approval. `digest` covers title,
    reason, revision and every edit; it is set on submission and is what reviewers approve. `row_version` counts
    every write (the ETag).
    """

    title = models.CharField(max_length=200)
    reason = models.TextField()
    state = models.CharField(max_length=12, choices=ChangeState.choices, default=ChangeState.DRAFT)
    author = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="changes")
    editors = models.ManyToManyField("context.User", related_name="edited_changes")
    origin = models.CharField(max_length=20, default="person")
    revision = models.PositiveIntegerField(default=1)
    row_version = models.PositiveIntegerField(default=1)
    digest = models.CharField(max_length=64, blank=True)
    approvals_required = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    publish_at = models.DateTimeField(null=True, blank=True)
    scheduled_by = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    suspended_because = models.TextField(blank=True)
    # Not empty where it was published without approval: why that could not wait.
    emergency_reason = models.TextField(blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    # The transaction in which it was published: context rows may be written in that one alone (set by trigger).
    published_xact = models.BigIntegerField(null=True, blank=True)

    objects = ChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(approvals_required__gte=1), name="change_needs_at_least_one_approval"),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "withdrawn"]) | ~Q(digest=""), name="change_under_review_has_a_digest"
            ),
            models.CheckConstraint(
                condition=~Q(state="scheduled") | Q(publish_at__isnull=False), name="scheduled_change_has_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(state="published") | Q(published_at__isnull=False), name="published_change_has_a_time"
            ),
        ]
        indexes = [models.Index(fields=["state", "updated_at"])]

    def __str__(self) -> str:
        return f"Change {self.pk}: {self.title}"

    @property
    def etag(self) -> str:
        return f'"change-{self.pk}-{self.row_version}"'


def readable_edits(principal: Principal) -> Q:
    """The condition under which the principal may read an edit: the item as it is, and as it would become."""
    proposed = Q(sensitivity__lte=principal.clearance)
    permitted = Q(audience_ids=[])
    if principal.groups:
        permitted |= Q(audience_ids__overlap=sorted(principal.groups))
    if principal.kind == "person":
        permitted |= Q(owner_id=principal.id) | Q(steward_ids__contains=[principal.id])
    if principal.domains is not None:
        proposed &= Q(domain_id__in=sorted(principal.domains))
    return proposed & permitted & (Q(item__isnull=True) | visible_items(principal, prefix="item__"))


class Edit(models.Model):
    """What a change would do to one item. `payload` is the whole proposed state (governance/proposals.py).

    The columns beside it repeat what access and policies ask of the payload.
    """

    change = models.ForeignKey(Change, on_delete=models.CASCADE, related_name="edits")
    operation = models.CharField(max_length=10, choices=Operation.choices)
    key = models.CharField(max_length=200)
    item = models.ForeignKey(
        "context.ContextItem", on_delete=models.PROTECT, null=True, blank=True, related_name="edits"
    )
    base_version = models.PositiveIntegerField(null=True, blank=True)
    payload = models.JSONField()
    kind = models.ForeignKey("context.Kind", on_delete=models.PROTECT, related_name="+")
    domain = models.ForeignKey("context.Domain", on_delete=models.PROTECT, related_name="+")
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices)
    audience_ids = ArrayField(models.IntegerField(), default=list)
    owner = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    steward_ids = ArrayField(models.IntegerField(), default=list)
    edited_by = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")
    edited_at = models.DateTimeField()

    class Meta:
        ordering = ["change_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["change", "key"], name="change_edits_an_item_once"),
            models.CheckConstraint(
                condition=Q(operation="create") | Q(base_version__isnull=False),
                name="edit_of_an_existing_item_has_a_base",
            ),
        ]
        indexes = [models.Index(fields=["key"])]

    def __str__(self) -> str:
        return f"{self.get_operation_display()} {self.key}"
