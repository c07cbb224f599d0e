"""A person's own webhook: set up, taken away, signed for and posted to; must not decide what they are told."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime

from django.conf import settings
from django.db import transaction

from context.access import principal_for
from context.digests import canonical, iso
from context.models import User
from governance import outgoing
from governance.audit import ledger
from governance.models import Delivery, PersonalWebhook


def set_webhook(*, actor: User, url: str, now: datetime) -> PersonalWebhook:
    """Be told at this URL. The secret is a new one each time."""
    outgoing.check_url(
        url, allowed_hosts=settings.WEBHOOK_ALLOWED_HOSTS, allow_private=settings.WEBHOOK_PRIVATE_ADDRESSES
    )
    with transaction.atomic():
        webhook, _ = PersonalWebhook.objects.update_or_create(
            person=actor, defaults={"url": url, "salt": secrets.token_hex(16), "created_at": now}
        )
        _record(actor, "governance.webhook.set", now, url=url)
    return webhook


def remove_webhook(*, actor: User, now: datetime) -> None:
    """Be told at no URL any more; what was on its way there is dropped when its turn comes."""
    with transaction.atomic():
        removed, _ = PersonalWebhook.objects.filter(person=actor).delete()
        if removed:
            _record(actor, "governance.webhook.removed", now)


def secret_of(webhook: PersonalWebhook) -> str:
    """The secret that signs what is posted: derived from the installation's key, so that no table holds it."""
    key = f"personal-webhook:{webhook.person_id}:{webhook.salt}".encode()
    return hmac.new(settings.SIGNING_KEY.encode(), key, hashlib.sha256).hexdigest()


def post_delivery(*, delivery: Delivery, webhook: PersonalWebhook, text: str, now: datetime) -> None:
    """Post one notification. The id of the delivery stays the same in every attempt, so that a double is known."""
    notification = delivery.notification
    body = canonical(
        {
            "id": f"delivery-{delivery.pk}",
            "kind": notification.kind,
            "subject": {"type": notification.subject_type, "id": notification.subject_id},
            "text": text,
            "url": f"{settings.SITE_URL}{notification.url}",
            "at": iso(notification.created_at),
        }
    )
    destination = outgoing.vet(
        webhook.url,
        allowed_hosts=settings.WEBHOOK_ALLOWED_HOSTS,
        allow_private=settings.WEBHOOK_PRIVATE_ADDRESSES,
    )
    outgoing.post(
        destination,
        body=body,
        headers={
            "Content-Type": "application/json",
            "User-Agent": "Plumbline",
            "Plumbline-Delivery": f"delivery-{delivery.pk}",
            "Plumbline-Signature": outgoing.signature(secret_of(webhook).encode(), int(now.timestamp()), body),
        },
    )


def _record(actor: User, action: str, now: datetime, **data: str) -> None:
    ledger.append(
        actor=principal_for(actor),
        action=action,
        subject=ledger.Subject(type="webhook", id=str(actor.pk), label=f"Webhook of {actor.display_name}"),
        now=now,
        data=data,
    )
