"""Reads the personal tokens people call the API with: `plp_<prefix>_<secret>`; must not issue or revoke them."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from context.errors import DomainError
from context.models import PersonalToken

TOKEN_PREFIX: Final = "plp_"  # noqa: S105  the public part, the same for everyone
NOTED_EVERY: Final = timedelta(hours=1)
# Compared with where no token has the prefix, so that an unknown prefix takes the same steps as a wrong secret.
NO_DIGEST: Final = "0" * 64


class TokenRefused(DomainError):
    """The token is unknown, wrong, expired or revoked, or its person is no longer active; which, is not said."""

    type = "not-authenticated"
    title = "Sign in first"
    status = 401


def digest_of_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def authenticate_token(*, presented: str, now: datetime) -> PersonalToken:
    """The live token that `presented` is, with its user. One query, and once an hour an update of `last_used_at`."""
    prefix, _, secret = presented.removeprefix(TOKEN_PREFIX).partition("_")
    shaped = presented.startswith(TOKEN_PREFIX) and prefix.isascii() and prefix.isalnum() and len(prefix) <= 16
    token = PersonalToken.objects.select_related("user").filter(prefix=prefix).first() if shaped else None
    same = secrets.compare_digest(digest_of_secret(secret), token.secret_sha256 if token else NO_DIGEST)
    if token is None or not same or not _is_live(token, now):
        raise TokenRefused("The token is not valid: it is wrong, expired or revoked.")
    if token.last_used_at is None or token.last_used_at < now - NOTED_EVERY:
        # Not a state change of anything governed: a hint for its owner.
        PersonalToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _is_live(token: PersonalToken, now: datetime) -> bool:
    expired = token.expires_at is not None and token.expires_at <= now
    return token.revoked_at is None and not expired and token.user.is_active
