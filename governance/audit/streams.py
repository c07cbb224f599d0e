"""Keeps the streams of the ledger to receivers outside: adding, pausing, removing, each audited; must not deliver."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from context.access import SYSTEM, Principal
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import Sensitivity
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.audit.outbound import check_url
from governance.models import AuditEvent, AuditStream, StreamContent, StreamFormat, StreamSignature

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
# The stream that the setting AUDIT_CHECKPOINT_WEBHOOK stands for.
WEBHOOK = "checkpoint-webhook"


def add_stream(
    *,
    actor: Principal,
    name: str,
    url: str,
    now: datetime,
    content: str = StreamContent.EVENTS,
    format: str = StreamFormat.NATIVE,
    signature: str = StreamSignature.ED25519,
    clearance: int = Sensitivity.INTERNAL,
    from_start: bool = False,
) -> AuditStream:
    """Stream the ledger to `url`, from its first event or from the next one; `clearance` bounds what it reads."""
    with _attempting("add", actor, name, now):
        _require_administrator(actor)
        if actor.kind == "person" and clearance > actor.clearance:
            raise NotPermitted("A stream reads no more than whoever adds it.", fix="Give it a lower clearance.")
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name[:60]!r} is not a name for a stream.",
            field="name",
            limit=60,
            fix="Use lower-case letters, digits and hyphens.",
        )
    for field, value, known in (
        ("content", content, StreamContent.values),
        ("format", format, StreamFormat.values),
        ("signature", signature, StreamSignature.values),
        ("clearance", clearance, Sensitivity.values),
    ):
        if value not in known:
            raise InvalidInput(
                f"{str(value)[:40]!r} is not a {field}.", field=field, fix=f"Use one of {', '.join(map(str, known))}."
            )
    check_url(url)
    with transaction.atomic():
        if AuditStream.objects.filter(name=name).exists():
            raise Conflict(f"There is a stream {name} already.", field="name")
        head = AuditEvent.objects.aggregate(last=Max("sequence"))["last"] or 0
        stream = AuditStream.objects.create(
            name=name,
            url=url,
            content=content,
            format=format,
            signature=signature,
            clearance=clearance,
            cursor=0 if from_start or content == StreamContent.CHECKPOINTS else head,
            created_at=now,
        )
        _record(actor, stream, "added", now, url=url, content=content, format=format, clearance=int(clearance))
    return stream


def pause_stream(*, actor: Principal, name: str, now: datetime) -> AuditStream:
    """Deliver no more until it is resumed; nothing is lost, the ledger keeps what it has yet to get."""
    with _attempting("pause", actor, name, now), transaction.atomic():
        stream = _locked(actor, name)
        if stream.paused_at is not None:
            raise Conflict(f"The stream {name} is paused already.", field="name")
        stream.paused_at = now
        stream.save(update_fields=["paused_at"])
        _record(actor, stream, "paused", now, cursor=stream.cursor)
    return stream


def resume_stream(*, actor: Principal, name: str, now: datetime) -> AuditStream:
    """Deliver again, from where it stood, at the next run; also what makes a failing stream be tried at once."""
    with _attempting("resume", actor, name, now), transaction.atomic():
        stream = _locked(actor, name)
        if stream.paused_at is None and stream.next_attempt_at is None:
            raise Conflict(f"The stream {name} is running.", field="name")
        stream.paused_at = stream.next_attempt_at = None
        stream.save(update_fields=["paused_at", "next_attempt_at"])
        _record(actor, stream, "resumed", now, cursor=stream.cursor)
    return stream


def remove_stream(*, actor: Principal, name: str, now: datetime) -> None:
    with _attempting("remove", actor, name, now), transaction.atomic():
        stream = _locked(actor, name)
        _record(actor, stream, "removed", now, url=stream.url, cursor=stream.cursor)
        stream.delete()


def streams_of(*, principal: Principal, now: datetime) -> list[AuditStream]:
    """All streams with how far each has got; for administrators and auditors."""
    with _attempting("read", principal, "*", now):
        if not (principal.has_role("auditor") or _administers(principal)):
            raise NotPermitted("Audit streams are for auditors and administrators.")
    return list(AuditStream.objects.order_by("name"))


def follow_webhook(*, now: datetime) -> None:
    """Make the stream of checkpoints what AUDIT_CHECKPOINT_WEBHOOK says. One query if nothing did."""
    wanted = settings.AUDIT_CHECKPOINT_WEBHOOK
    stream = AuditStream.objects.filter(name=WEBHOOK).first()
    if (stream.url if stream else "") == wanted:
        return
    with transaction.atomic():
        cursor = stream.cursor if stream else 0
        if stream is not None:
            remove_stream(actor=SYSTEM, name=WEBHOOK, now=now)
        if wanted:
            made = add_stream(actor=SYSTEM, name=WEBHOOK, url=wanted, content=StreamContent.CHECKPOINTS, now=now)
            AuditStream.objects.filter(pk=made.pk).update(cursor=cursor)


def secret_of(stream: AuditStream) -> str:
    """The HMAC secret of a stream, base64: derived, so that the database holds none. Show it to its owner alone."""
    seed = base64.urlsafe_b64decode(settings.SIGNING_KEY)
    made = hmac.new(seed, f"plumbline audit stream {stream.salt}".encode(), hashlib.sha256)
    return base64.b64encode(made.digest()).decode()


def _attempting(step: str, actor: Principal, name: str, now: datetime) -> AbstractContextManager[None]:
    return denials_recorded(
        actor=actor,
        action=f"governance.audit.stream_{step}",
        subject=lambda: ledger.Subject(type="stream", id=name[:60], label=f"Audit stream {name[:60]}"),
        now=now,
    )


def _administers(principal: Principal) -> bool:
    return principal.kind == "system" or principal.has_role("administrator")


def _require_administrator(principal: Principal) -> None:
    if not _administers(principal):
        raise NotPermitted("Audit streams are set up by administrators.", fix="Ask an administrator.")


def _locked(actor: Principal, name: str) -> AuditStream:
    _require_administrator(actor)
    stream = AuditStream.objects.select_for_update().filter(name=name).first()
    if stream is None:
        raise NotFound(f"There is no stream {name}.")
    return stream


def _record(actor: Principal, stream: AuditStream, verb: str, now: datetime, **data: Any) -> None:
    ledger.append(
        actor=actor,
        action=f"governance.audit.stream_{verb}",
        subject=ledger.Subject(type="stream", id=stream.name, label=f"Audit stream {stream.name}"),
        now=now,
        data=data,
    )
