"""Records what was refused and what restricted text was read; must not decide either."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction

from context.access import Principal, principal_for
from context.errors import DomainError, NotPermitted
from context.models import Sensitivity, User
from context.restricted_reads import TextRead
from governance.audit import ledger
from governance.models import AuditEvent


def asking(actor: Any) -> Principal:
    """Who asks, where a function is for people and may yet be called with what is none: an agent, the system.

    Raises TypeError for what is nobody, such as an anonymous visitor: the edge lets none of those so far.
    """
    if isinstance(actor, User):
        return principal_for(actor)
    principal = getattr(actor, "principal", actor)
    if not isinstance(principal, Principal):
        raise TypeError(f"{type(actor).__name__} is nobody who can be refused or recorded")
    return principal


@contextmanager
def denials_recorded(
    *,
    actor: Principal,
    action: str,
    subject: Callable[[], ledger.Subject],
    now: datetime,
    data: Mapping[str, Any] | None = None,
    before: Callable[[], str] | None = None,
) -> Iterator[None]:
    """Around the transaction of a domain function: what it refuses with NotPermitted leaves `<action>.denied`.

    `subject` and `before` are asked only then. What does not exist for the actor is refused with NotFound, and leaves
    nothing: the ledger is no list of guesses.
    """
    try:
        yield
    except NotPermitted as refusal:
        record_denied(
            actor=actor,
            action=action,
            subject=subject(),
            refusal=refusal,
            now=now,
            data=data,
            before=before() if before is not None else None,
        )
        raise


def record_denied(
    *,
    actor: Principal,
    action: str,
    subject: ledger.Subject,
    refusal: DomainError | str,
    now: datetime,
    data: Mapping[str, Any] | None = None,
    before: str | None = None,
) -> AuditEvent:
    """Append `<action>.denied` in a transaction of its own; `action` is the thing attempted (`governance.review`).

    Call it after the refused transaction has rolled back, from outside it, and raise the refusal on: then the event
    stays. Called inside a transaction that goes on, it belongs to that one and is undone with it.
    """
    why = refusal if isinstance(refusal, str) else refusal.detail
    with transaction.atomic():
        return ledger.append(
            actor=actor,
            action=f"{action.removesuffix('.denied')}.denied",
            subject=subject,
            now=now,
            data={**(data or {}), "why": why},
            before=before,
        )


def record_restricted_read(
    *, actor: Principal, subject: ledger.Subject, how: str, now: datetime, digest: str | None = None, **data: Any
) -> AuditEvent | None:
    """Append `context.item.read` where the text is restricted, else nothing (None).

    `how` says by which way it was read (page, api, search, diff), `digest` which version. The event is committed
    before the text leaves, so that what cannot be recorded is not read; it costs an append, some milliseconds.
    """
    if subject.sensitivity < Sensitivity.RESTRICTED:
        return None
    with transaction.atomic():
        return ledger.append(
            actor=actor, action="context.item.read", subject=subject, now=now, data={"how": how, **data}, after=digest
        )


def record_texts_read(*, principal: Principal, texts: Sequence[TextRead], how: str, now: datetime) -> None:
    """One event for the texts of one answer: about the item where it is one, else about the answer, naming the keys."""
    keys = sorted({text.key for text in texts})
    level = max(text.sensitivity for text in texts)
    if len(keys) == 1:
        first = texts[0]
        subject = ledger.Subject(type="item", id=first.key, label=first.title, sensitivity=level)
        versions = sorted({text.version for text in texts if text.version is not None})
        data: dict[str, Any] = {"versions": versions} if versions else {}
        record_restricted_read(
            actor=principal, subject=subject, how=how, now=now, digest=texts[-1].digest or None, **data
        )
    else:
        subject = ledger.Subject(type="answer", id=how, label=f"{len(keys)} restricted texts", sensitivity=level)
        record_restricted_read(actor=principal, subject=subject, how=how, now=now, keys=keys)
