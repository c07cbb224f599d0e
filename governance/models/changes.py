"""Changes and the edits they propose; must not hold approved text (that is the context floor's)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q

from context.models import Sensitivity, visible_items
from governance.models.policies import ApprovalStage

if TYPE_CHECKING:
    from context.access import Principal
    from context.models import Domain, Kind


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


# Who holds one of these everywhere, or in the domain of a record, reads what is proposed for it.
GOVERNING_ROLES = ("author", "approver", "steward", "domain_owner", "auditor", "administrator")
# What an edit is of, where it is not of a record of an upper floor (governance/governed.py).
ITEM = "item"


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
            Q(sensitivity__lte=principal.clearance)
            & (Q(base_sensitivity__isnull=True) | Q(base_sensitivity__lte=principal.clearance))
            & (Q(item__isnull=True) | visible_items(principal, prefix="item__"))
        )
        return self.filter((Q(Exists(editing)) & Q(~Exists(above))) | (readable & ~Q(state=ChangeState.DRAFT)))


class Change(models.Model):
    """A proposed edit to one or more items or other governed records, with its reason, its reviews and its outcome.

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
    """The condition under which the principal may read an edit: its subject as it is, and as it would become."""
    return (Q(record=ITEM) & _readable_items(principal)) | (~Q(record=ITEM) & _readable_records(principal))


def _readable_records(principal: Principal) -> Q:
    """People with a part in the record's domain, its owner and stewards, and whom a policy names as approvers."""
    if principal.kind != "person":
        return Q(pk__in=[])
    within = Q(sensitivity__lte=principal.clearance) & (
        Q(base_sensitivity__isnull=True) | Q(base_sensitivity__lte=principal.clearance)
    )
    if any(role in GOVERNING_ROLES and domain_id is None for role, domain_id in principal.roles):
        return within
    domains = sorted({domain_id for role, domain_id in principal.roles if domain_id and role in GOVERNING_ROLES})
    named = ApprovalStage.objects.filter(
        Q(policy__record="") | Q(policy__record=OuterRef("record")),
        Q(group_id__in=sorted(principal.groups)) | Q(person_id=principal.id),
        policy__kind__isnull=True,
    )
    part = (
        Q(owner_id=principal.id)
        | Q(base_owner_id=principal.id)
        | Q(steward_ids__contains=[principal.id])
        | Q(domain_id__in=domains)
        | Q(Exists(named))
    )
    return within & part


def _readable_items(principal: Principal) -> Q:
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
    """What a change would do to one item, or to one record of an upper floor: `record` is the name of its kind.

    `payload` is the whole proposed state (governance/proposals.py, or the record's own). The columns beside it repeat
    what access and policies ask of it; those called `base_` the same of the record as it stands (an item's own row
    says that of an item).
    """

    change = models.ForeignKey(Change, on_delete=models.CASCADE, related_name="edits")
    record = models.CharField(max_length=30, default=ITEM)
    operation = models.CharField(max_length=10, choices=Operation.choices)
    key = models.CharField(max_length=200)
    item = models.ForeignKey(
        "context.ContextItem", on_delete=models.PROTECT, null=True, blank=True, related_name="edits"
    )
    base_version = models.PositiveIntegerField(null=True, blank=True)
    payload = models.JSONField()
    kind = models.ForeignKey("context.Kind", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    domain = models.ForeignKey("context.Domain", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    base_domain = models.ForeignKey("context.Domain", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    base_sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices, null=True, blank=True)
    base_owner = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices)
    audience_ids = ArrayField(models.IntegerField(), default=list)
    owner = models.ForeignKey("context.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    steward_ids = ArrayField(models.IntegerField(), default=list)
    edited_by = models.ForeignKey("context.User", on_delete=models.PROTECT, related_name="+")
    edited_at = models.DateTimeField()

    class Meta:
        ordering = ["change_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["change", "record", "key"], name="change_edits_a_record_once"),
            models.CheckConstraint(
                condition=~Q(record=ITEM) | Q(kind__isnull=False, domain__isnull=False),
                name="edit_of_an_item_has_a_kind_and_a_domain",
            ),
            models.CheckConstraint(
                condition=Q(record=ITEM) | Q(kind__isnull=True, item__isnull=True), name="edit_of_a_record_has_no_item"
            ),
            models.CheckConstraint(
                condition=Q(operation="create") | Q(base_version__isnull=False),
                name="edit_of_an_existing_item_has_a_base",
            ),
        ]
        indexes = [models.Index(fields=["key"])]

    def __str__(self) -> str:
        return f"{self.get_operation_display()} {self.address}"

    @property
    def address(self) -> str:
        """What tells its subject from any other: an item's key, or the kind of record and its key."""
        return self.key if self.record == ITEM else f"{self.record}:{self.key}"

    @property
    def label(self) -> str:
        """What its subject is called, as it would be."""
        said = self.payload.get("title") or self.payload.get("name")
        return str(said or (self.item.title if self.item else self.key))

    @property
    def item_kind(self) -> Kind:
        """The kind of the item; a record has none, an item always does (constraint)."""
        if self.kind is None:
            raise LookupError(f"{self.address} is not an item.")
        return self.kind

    @property
    def item_domain(self) -> Domain:
        """The domain of the item; a record may have none, an item always does (constraint)."""
        if self.domain is None:
            raise LookupError(f"{self.address} has no domain.")
        return self.domain
