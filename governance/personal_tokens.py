"""Issues and revokes personal tokens, each with its audit event; must not sign anyone in with them."""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from context.access import Principal
from context.errors import InvalidInput, NotFound, NotPermitted
from context.models import PersonalToken, User
from context.personal_tokens import TOKEN_PREFIX, digest_of_secret
from governance.audit import ledger
from governance.audit.attempts import denials_recorded

LONGEST_NAME = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class IssuedToken:
    """A new token. `text` is the only time the whole of it is known; only its SHA-256 is stored."""

    token: PersonalToken
    text: str


def issue_token(
    *, user: User, name: str, actor: Principal, now: datetime, expires_at: datetime | None = None
) -> IssuedToken:
    """Make a token for `user`: their own, or anyone's for the system (setting up). Raises NotPermitted otherwise."""
    with _attempting("issue", actor, user, now):
        _check_owner(user, actor)
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidInput(
            "A token needs a name.", field="name", limit=LONGEST_NAME, fix="Say in a few words where it is used."
        )
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("The token would have expired already.", field="expires_at", fix="Choose a later time.")
    prefix, secret = secrets.token_hex(6), secrets.token_hex(24)
    with transaction.atomic():
        token = PersonalToken.objects.create(
            user=user, name=name, prefix=prefix, secret_sha256=digest_of_secret(secret), expires_at=expires_at
        )
        ledger.append(
            actor=actor,
            action="context.token.issued",
            subject=_subject(token),
            now=now,
            data={"name": name, "user": user.username, "expires_at": expires_at},
        )
    return IssuedToken(token=token, text=f"{TOKEN_PREFIX}{prefix}_{secret}")


def revoke_token(*, token: PersonalToken, actor: Principal, now: datetime) -> PersonalToken:
    """End a token from now on; its owner, an administrator or the system may. Ending it twice changes nothing."""
    with _attempting("revoke", actor, token.user, now):
        if not actor.has_role("administrator"):
            _check_owner(token.user, actor)
    with transaction.atomic():
        held = PersonalToken.objects.select_for_update().select_related("user").get(pk=token.pk)
        if held.revoked_at is not None:
            return held
        held.revoked_at = now
        held.save(update_fields=["revoked_at"])
        ledger.append(
            actor=actor,
            action="context.token.revoked",
            subject=_subject(held),
            now=now,
            data={"name": held.name, "user": held.user.username},
        )
    return held


def own_token(*, user: User, token_id: int) -> PersonalToken:
    """The user's token of that id; NotFound for anyone else's."""
    token = PersonalToken.objects.filter(user=user, pk=token_id).first()
    if token is None:
        raise NotFound("There is no such token.")
    return token


def _attempting(step: str, actor: Principal, user: User, now: datetime) -> AbstractContextManager[None]:
    return denials_recorded(
        actor=actor,
        action=f"context.token.{step}",
        subject=lambda: ledger.Subject(type="user", id=str(user.pk), label=user.display_name),
        now=now,
    )


def _check_owner(user: User, actor: Principal) -> None:
    if actor.kind == "system" or (actor.kind == "person" and actor.id == user.pk):
        return
    raise NotPermitted("A token is issued and ended by the person it belongs to.", fix="Ask them to do it.")


def _subject(token: PersonalToken) -> ledger.Subject:
    return ledger.Subject(type="token", id=str(token.pk), label=f"{TOKEN_PREFIX}{token.prefix}_… of {token.user}")
