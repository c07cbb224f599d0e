"""Delivers what people are told by e-mail and webhook, again until it arrives; must not decide what that is.

Each attempt is claimed, and the next one planned, in a transaction of its own before anything is sent: a worker that
dies delays a delivery and loses none. A delivery may arrive twice, under the same id; never in two hands at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction

from context.models import Sensitivity, User
from governance import outgoing
from governance.models import Channel, Delivery, DeliveryState, NotificationKind, PersonalWebhook, Rhythm
from governance.webhooks import post_delivery

MOST_ATTEMPTS = 8
FIRST_BACKOFF = timedelta(minutes=1)
LONGEST_BACKOFF = timedelta(hours=12)
BATCH = 200
DIGEST_SHOWS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """What one round did with the deliveries that were due."""

    sent: int = 0
    retried: int = 0
    failed: int = 0
    dropped: int = 0


def backoff(attempts: int) -> timedelta:
    """How long to wait after that many attempts: 1, 4, 16 … minutes, at most twelve hours."""
    minutes: int = 4 ** min(max(attempts - 1, 0), 10)
    return min(FIRST_BACKOFF * minutes, LONGEST_BACKOFF)


def deliver_due(*, now: datetime, limit: int = BATCH) -> Delivered:
    """Deliver what is due, the oldest first; the day's digests of one person become one e-mail."""
    totals = {DeliveryState.SENT: 0, DeliveryState.PENDING: 0, DeliveryState.FAILED: 0, DeliveryState.DROPPED: 0}
    for group in _grouped(_claim(now, limit)):
        state = _deliver(group, now)
        totals[state] += len(group)
    return Delivered(
        sent=totals[DeliveryState.SENT],
        retried=totals[DeliveryState.PENDING],
        failed=totals[DeliveryState.FAILED],
        dropped=totals[DeliveryState.DROPPED],
    )


def _claim(now: datetime, limit: int) -> list[Delivery]:
    with transaction.atomic():
        due = Delivery.objects.filter(state=DeliveryState.PENDING, next_attempt_at__lte=now)
        claimed = list(due.select_for_update(skip_locked=True).order_by("next_attempt_at", "pk")[:limit])
        for delivery in claimed:
            delivery.attempts += 1
            delivery.next_attempt_at = now + backoff(delivery.attempts)
        Delivery.objects.bulk_update(claimed, ["attempts", "next_attempt_at"])
    return list(
        Delivery.objects.filter(pk__in=[delivery.pk for delivery in claimed])
        .select_related("notification__person__webhook")
        .order_by("pk")
    )


def _grouped(deliveries: Sequence[Delivery]) -> list[list[Delivery]]:
    """Digests of one person together, everything else alone."""
    digests: dict[int, list[Delivery]] = {}
    groups = []
    for delivery in deliveries:
        if delivery.channel == Channel.EMAIL and delivery.rhythm == Rhythm.DAILY:
            digests.setdefault(delivery.notification.person_id, []).append(delivery)
        else:
            groups.append([delivery])
    return [*groups, *digests.values()]


def _deliver(group: Sequence[Delivery], now: datetime) -> DeliveryState:
    """The rights of the person are judged again here: what was written before they lost them stays inside."""
    person = group[0].notification.person
    readable = [each for each in group if person.is_active and each.notification.sensitivity <= person.clearance]
    webhook = getattr(person, "webhook", None)
    by_mail = group[0].channel == Channel.EMAIL
    if not readable or (by_mail and not person.email) or (not by_mail and webhook is None):
        return _note(group, DeliveryState.DROPPED, now, "There is nobody to tell any more.")
    _note([each for each in group if each not in readable], DeliveryState.DROPPED, now, "Not theirs to read any more.")
    try:
        if by_mail:
            _send_mail(person, readable)
        elif isinstance(webhook, PersonalWebhook):
            post_delivery(delivery=readable[0], webhook=webhook, text=_outside(readable[0]), now=now)
    except (OSError, SMTPException, outgoing.NotReachable) as error:
        state = DeliveryState.FAILED if readable[0].attempts >= MOST_ATTEMPTS else DeliveryState.PENDING
        return _note(readable, state, now, str(error) or type(error).__name__)
    except outgoing.AddressRefused as refusal:
        return _note(readable, DeliveryState.FAILED, now, refusal.detail)
    return _note(readable, DeliveryState.SENT, now, "")


def _note(group: Sequence[Delivery], state: DeliveryState, now: datetime, error: str) -> DeliveryState:
    Delivery.objects.filter(pk__in=[each.pk for each in group], state=DeliveryState.PENDING).update(
        state=state, sent_at=now if state == DeliveryState.SENT else None, last_error=error[:300]
    )
    return state


def _send_mail(person: User, group: Sequence[Delivery]) -> None:
    lines = [f"{_outside(each)}\n{settings.SITE_URL}{each.notification.url}" for each in group[:DIGEST_SHOWS]]
    if len(group) > DIGEST_SHOWS:
        lines.append(f"… and {len(group) - DIGEST_SHOWS} more: {settings.SITE_URL}/inbox/")
    subject = _outside(group[0]) if len(group) == 1 else f"{len(group)} things in Plumbline wait for you"
    first = group[0]
    EmailMessage(
        subject=" ".join(subject.split())[:150],
        body="\n\n".join(lines) + f"\n\nHow you are told: {settings.SITE_URL}/profile/notifications/\n",
        to=[person.email],
        # The same in every attempt, so that mail programs show a double once.
        headers={"Message-ID": f"<delivery-{first.pk}@{settings.MAIL_DOMAIN}>", "Auto-Submitted": "auto-generated"},
    ).send(fail_silently=False)


def _outside(delivery: Delivery) -> str:
    """What may leave the building: of what is more sensitive than MAIL_MOST_SENSITIVE, only that there is something."""
    notification = delivery.notification
    if notification.sensitivity <= Sensitivity.from_word(settings.MAIL_MOST_SENSITIVE):
        return notification.text
    level = Sensitivity(notification.sensitivity).word
    return f"{NotificationKind(notification.kind).label}. It is {level}: read it there."
