"""Writes what people are to be told, in the transaction of what caused it; must not deliver anything outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from context.access import Principal
from context.errors import DomainError, InvalidInput, NotFound
from context.models import User
from governance.audit import ledger
from governance.models import (
    Channel,
    Delivery,
    Notification,
    NotificationChoice,
    NotificationKind,
    PersonalWebhook,
    Rhythm,
)

LONGEST_TEXT = 600


class NotifiedOutsideTransaction(DomainError):
    """Somebody was to be told outside the transaction of what they are told."""

    type = "notified-outside-transaction"
    title = "A notification belongs to the transaction of its cause"
    status = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What holds for one person, kind and channel: chosen, or the default. `rhythm` means nothing in the app."""

    kind: str
    channel: str
    wanted: bool
    rhythm: str
    is_default: bool


def default_choice(kind: str, channel: str) -> Choice:
    """In the app: everything. By e-mail: what asks for something, at once. By webhook: all, where one is set up."""
    informing = {NotificationKind.ITEM_PUBLISHED, NotificationKind.CHANGE_APPROVED}
    daily = {
        NotificationKind.VERIFICATION_DUE,
        NotificationKind.VERIFICATION_ESCALATED,
        NotificationKind.FINDING_OPENED,
    }
    by_mail_daily = channel == Channel.EMAIL and kind in daily
    return Choice(
        kind=kind,
        channel=channel,
        wanted=channel != Channel.EMAIL or kind not in informing,
        rhythm=Rhythm.DAILY if by_mail_daily else Rhythm.IMMEDIATELY,
        is_default=True,
    )


def notify(
    *,
    people: Iterable[int | None],
    kind: NotificationKind,
    subject: ledger.Subject,
    text: str,
    url: str,
    now: datetime,
    but_not: int | None = None,
) -> list[Notification]:
    """Tell these people (ids; None is nobody), by the channels each chose. Four statements, whatever their number.

    Who left, or may not read what is as sensitive as the subject, is not told. Call it before the audit event.
    """
    if not connection.in_atomic_block:
        raise NotifiedOutsideTransaction("People are told inside transaction.atomic().")
    wanted = {person for person in people if person is not None and person != but_not}
    if not wanted:
        return []
    told = list(
        User.objects.filter(pk__in=wanted, is_active=True, clearance__gte=subject.sensitivity)
        .select_related("webhook")
        .order_by("pk")
    )
    chosen = {
        (row.person_id, row.channel): Choice(
            kind=row.kind, channel=row.channel, wanted=row.wanted, rhythm=row.rhythm, is_default=False
        )
        for row in NotificationChoice.objects.filter(person__in=told, kind=kind)
    }

    def choice(person: User, channel: Channel) -> Choice:
        return chosen.get((person.pk, channel.value)) or default_choice(kind.value, channel.value)

    made = Notification.objects.bulk_create(
        Notification(
            person=person,
            kind=kind,
            subject_type=subject.type,
            subject_id=subject.id[:200],
            sensitivity=subject.sensitivity,
            text=text[:LONGEST_TEXT],
            url=url[:500],
            in_app=choice(person, Channel.IN_APP).wanted,
            created_at=now,
        )
        for person in told
    )
    deliveries = []
    for person, notification in zip(told, made, strict=True):
        reachable = {Channel.EMAIL: bool(person.email), Channel.WEBHOOK: hasattr(person, "webhook")}
        for channel, reaches in reachable.items():
            by = choice(person, channel)
            if reaches and by.wanted:
                daily = by.rhythm == Rhythm.DAILY
                deliveries.append(
                    Delivery(
                        notification=notification,
                        channel=channel,
                        rhythm=by.rhythm,
                        next_attempt_at=next_digest_at(now) if daily else now,
                    )
                )
    Delivery.objects.bulk_create(deliveries)
    return made


def next_digest_at(now: datetime) -> datetime:
    """The next moment at which the day's digests go out (DIGEST_HOUR, UTC)."""
    today = datetime.combine(now.date(), time(settings.DIGEST_HOUR), tzinfo=now.tzinfo)
    return today if today > now else today + timedelta(days=1)


def notifications_for(*, principal: Principal) -> QuerySet[Notification]:
    """What this person was told in the app, the latest first; what they may no longer read is not there."""
    if principal.kind != "person":
        return Notification.objects.none()
    return Notification.objects.filter(
        person_id=principal.id, in_app=True, sensitivity__lte=principal.clearance
    ).order_by("-created_at", "-pk")


def mark_read(*, actor: User, now: datetime, notification_ids: Iterable[int] | None = None) -> int:
    """Note that these, or all, of the person's own notifications were read. Returns how many were not before."""
    unread = Notification.objects.filter(person=actor, read_at__isnull=True)
    if notification_ids is not None:
        unread = unread.filter(pk__in=list(notification_ids))
    return unread.update(read_at=now)


def choices_of(*, person: User) -> list[Choice]:
    """What holds for every kind and channel, in the order of the lists. One query."""
    stored = {(row.kind, row.channel): row for row in NotificationChoice.objects.filter(person=person)}
    found = []
    for kind in NotificationKind.values:
        for channel in Channel.values:
            row = stored.get((kind, channel))
            found.append(
                default_choice(kind, channel)
                if row is None
                else Choice(kind=kind, channel=channel, wanted=row.wanted, rhythm=row.rhythm, is_default=False)
            )
    return found


def choose(*, actor: User, kind: str, channel: str, wanted: bool, rhythm: str = Rhythm.IMMEDIATELY) -> None:
    """Set how the person themselves is told of one kind by one channel. Nothing governed: no audit event."""
    if kind not in NotificationKind.values:
        raise InvalidInput("That is not a kind of notification.", field="kind", fix="Take one from the list.")
    if channel not in Channel.values:
        raise InvalidInput("That is not a channel.", field="channel", fix=f"Use: {', '.join(Channel.values)}.")
    if rhythm not in Rhythm.values:
        raise InvalidInput("That is not a rhythm.", field="rhythm", fix=f"Use: {', '.join(Rhythm.values)}.")
    with transaction.atomic():
        NotificationChoice.objects.update_or_create(
            person=actor, kind=kind, channel=channel, defaults={"wanted": wanted, "rhythm": rhythm}
        )


def webhook_of(*, person: User) -> PersonalWebhook:
    """The person's webhook; NotFound where they set none up."""
    found = PersonalWebhook.objects.filter(person=person).first()
    if found is None:
        raise NotFound("You have set up no webhook.")
    return found
