"""Who is calling: a session, or a person's bearer token; must not decide what they may do.

An authenticator answers `(user, credential)`. Where the credential is a Principal, that is who asks (agents); otherwise
the principal is built from the user. Agents' keys are read by their own authenticator, named in settings.
"""

from __future__ import annotations

from typing import cast

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DrfSessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from context.access import Principal, principal_for
from context.models import PersonalToken, User
from context.personal_tokens import TOKEN_PREFIX, TokenRefused, authenticate_token

REFUSED = "This token or key is not valid: it is wrong, expired or revoked."
LONGEST_CREDENTIAL = 400


def bearer_credential(header: str) -> str | None:
    """What follows `Bearer ` in an Authorization header; None where the header is of another scheme or absent."""
    scheme, _, credential = header.partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else None


class PersonalTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer plp_<prefix>_<secret>`."""

    def authenticate(self, request: Request) -> tuple[User, PersonalToken] | None:
        credential = bearer_credential(request.headers.get("Authorization", ""))
        if credential is None or not credential.startswith(TOKEN_PREFIX):
            return None
        try:
            token = authenticate_token(presented=credential[:LONGEST_CREDENTIAL], now=timezone.now())
        except TokenRefused as error:
            raise AuthenticationFailed(REFUSED) from error
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Plumbline"'


class SessionAuthentication(DrfSessionAuthentication):
    """A signed-in browser, CSRF enforced on writes. Stands last: a bearer nobody recognised is refused here."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        if bearer_credential(request.headers.get("Authorization", "")) is not None:
            raise AuthenticationFailed(REFUSED)
        return cast("tuple[User, None] | None", super().authenticate(request))

    def enforce_csrf(self, request: Request) -> None:
        # Django's own request: DRF's would parse the body in search of a form field, before any bound is checked.
        super().enforce_csrf(cast(Request, request._request))


def principal_of(request: Request) -> Principal:
    """The principal behind an authenticated request, built from the database as it is now."""
    if isinstance(request.auth, Principal):
        return request.auth
    return principal_for(cast(User, request.user))
