"""What people are told and by which channel: written with what caused it, delivered later; must not send anything."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from context.models import Sensitivity


class NotificationKind(models.TextChoices):
    REVIEW_REQUESTED = "review_requested", "A change waits for your decision"
    REVIEW_DUE = "review_due", "A decision of yours is due"
    REVIEW_ESCALATED = "review_escalated", "A decision in your domain is late"
    CHANGE_APPROVED = "change_approved", "Your change was approved"
    CHANGES_REQUESTED = "changes_requested", "Changes to yours were requested"
    CHANGE_REJECTED = "change_rejected", "Your change was rejected"
    RATIFICATION_ASKED = "ratification_asked", "An emergency waits for your verdict"
    CHANGE_SUSPENDED = "change_suspended", "A scheduled change was suspended"
    ITEM_PUBLISHED = "item_published", "A text you answer for was published"
    VERIFICATION_DUE = "verification_due", "Texts of yours are to be verified"
    VERIFICATION_ESCALATED = "verification_escalated", "Texts in your domain are overdue"
    FINDING_OPENED = "finding_opened", "A finding needs you"
    FINDING_DUE = "finding_due", "A finding of yours is due"
    FINDING_ESCALATED = "finding_escalated", "A finding in your domain is late"
    FINDINGS_WEEKLY = "findings_weekly", "Your findings, once a week"
    DELEGATION = "delegation", "Somebody decides in another's place"


class Channel(models.TextChoices):
    IN_APP = "in_app", "In Plumbline"
    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"


class Rhythm(models.TextChoices):
    IMMEDIATELY = "immediately", "At once"
    DAILY = "daily", "Once a day, together"


class DeliveryState(models.TextChoices):
    PENDING = "pending", "Pending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    DROPPED = "dropped", "Dropped"


class Notification(models.Model):
    """One thing told to one person. `in_app` is false where they chose not to see that kind here."""

    person = models.ForeignKey("context.User", on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=30, choices=NotificationKind.choices)
    subject_type = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=200)
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices, default=Sensitivity.INTERNAL)
    text = models.CharField(max_length=600)
    url = models.CharField(max_length=500, blank=True)
    in_app = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=NotificationKind.values), name="notification_kind_is_known"),
        ]
        indexes = [
            models.Index(fields=["person", "-created_at"]),
            models.Index(fields=["person"], condition=Q(read_at__isnull=True, in_app=True), name="notification_unread"),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.text}"


class Delivery(models.Model):
    """One notification on its way by one channel outside: the row is the record of the work, a message only wakes."""

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=10, choices=[(Channel.EMAIL, "E-mail"), (Channel.WEBHOOK, "Webhook")])
    rhythm = models.CharField(max_length=12, choices=Rhythm.choices, default=Rhythm.IMMEDIATELY)
    state = models.CharField(max_length=8, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["notification", "channel"], name="delivered_once_by_a_channel"),
            models.CheckConstraint(condition=Q(channel__in=["email", "webhook"]), name="delivery_channel_is_known"),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False) | (~Q(state="sent") & Q(sent_at__isnull=True)),
                name="a_sent_delivery_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(state="pending"), name="delivery_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} of notification {self.notification_id}: {self.get_state_display()}"


class NotificationChoice(models.Model):
    """What one person chose for one kind and channel; where there is none, the default holds."""

    person = models.ForeignKey("context.User", on_delete=models.CASCADE, related_name="notification_choices")
    kind = models.CharField(max_length=30, choices=NotificationKind.choices)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    wanted = models.BooleanField(default=True)
    rhythm = models.CharField(max_length=12, choices=Rhythm.choices, default=Rhythm.IMMEDIATELY)

    class Meta:
        ordering = ["person_id", "kind", "channel"]
        constraints = [
            models.UniqueConstraint(fields=["person", "kind", "channel"], name="one_choice_per_kind_and_channel"),
            models.CheckConstraint(condition=Q(kind__in=NotificationKind.values), name="choice_kind_is_known"),
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="choice_channel_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.kind} by {self.channel} {'on' if self.wanted else 'off'}"


class PersonalWebhook(models.Model):
    """Where one person wants to be told by HTTP. The signing secret is derived from `salt`, never stored."""

    person = models.OneToOneField("context.User", on_delete=models.CASCADE, related_name="webhook")
    url = models.CharField(max_length=500)
    salt = models.CharField(max_length=32)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"webhook of {self.person}"
