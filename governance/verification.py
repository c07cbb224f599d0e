"""Verification: the people answerable for a text confirm that it is still true; must not change the text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from context.access import principal_for
from context.digests import iso
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import ContextItem, User
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.permissions import may_verify

MOST_AT_ONCE = 500


def verify_items(*, actor: User, keys: Sequence[str], now: datetime) -> list[ContextItem]:
    """Confirm these items as still true for another review interval: all of them, or none and the reason."""
    principal = principal_for(actor)
    wanted = sorted(set(keys))
    if not wanted:
        raise InvalidInput("No item was named.", field="keys", fix="Name at least one item.")
    if len(wanted) > MOST_AT_ONCE:
        raise InvalidInput("Too many items at once.", field="keys", limit=MOST_AT_ONCE, fix="Verify fewer at a time.")
    denied: ContextItem | None = None
    denials = denials_recorded(
        actor=principal, action="context.verification", subject=lambda: _subject(denied), now=now, data={"keys": wanted}
    )
    with denials, transaction.atomic():
        visible = ContextItem.objects.visible_to(principal).filter(key__in=wanted).values("pk")
        items = list(
            ContextItem.objects.select_for_update(of=("self",))
            .filter(pk__in=visible)
            .select_related("current_version")
            .prefetch_related("stewards")
            .order_by("pk")
        )
        missing = sorted(set(wanted) - {item.key for item in items})
        if missing:
            raise NotFound(f"There is no item {missing[0][:200]}.", field="keys")
        for item in items:
            if not may_verify(principal, item, [person.pk for person in item.stewards.all()]):
                denied = item
                raise NotPermitted(
                    f"You may not verify {item.key}.",
                    field="keys",
                    fix="Its owner, its stewards and the domain owner may.",
                )
            if item.retired_at is not None:
                raise Conflict(f"{item.key} is retired.", field="keys", fix="Leave it out.")
        entries = []
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('plumbline.pen', 'verify', true)")
        for item in items:
            before = item.verified_until
            item.verified_at, item.verified_by = now, actor
            item.verified_until = now + timedelta(days=item.review_interval_days)
            item.save(update_fields=["verified_at", "verified_by", "verified_until"])
            digest = item.current_version.digest if item.current_version else None
            entries.append(
                ledger.Entry(
                    action="context.item.verified",
                    subject=_subject(item),
                    data={
                        "verified_until": iso(item.verified_until),
                        "was": iso(before) if before else None,
                    },
                    before=digest,
                    after=digest,
                )
            )
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('plumbline.pen', '', true)")
        ledger.append_all(actor=principal, entries=entries, now=now)
    return items


def _subject(item: ContextItem | None) -> ledger.Subject:
    assert item is not None
    return ledger.Subject(type="item", id=item.key, label=item.title, sensitivity=item.sensitivity)
