"""The base of every error of the domain, so that one handler can say it over HTTP; must not know HTTP frameworks."""

from __future__ import annotations

from typing import Any, ClassVar


class DomainError(Exception):
    """A rule was not met. `detail` says which in plain words; `field`, `limit` and `fix` say where and what to do.

    `type` is the stable last part of the problem type URI (RFC 9457); `status` the HTTP status it reads as.
    """

    type: ClassVar[str] = "invalid"
    title: ClassVar[str] = "The request cannot be carried out"
    status: ClassVar[int] = 422

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        limit: str | int | None = None,
        fix: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.limit = limit
        self.fix = fix
        self.extra = extra


class InvalidInput(DomainError):
    """A value given from outside is not of the shape or size that the field takes."""

    type = "invalid-input"
    title = "A value is not valid"
    status = 422


class NotPermitted(DomainError):
    """The principal may see the subject, but may not do this to it."""

    type = "not-permitted"
    title = "You may not do this"
    status = 403


class NotFound(DomainError):
    """There is no such thing, or it is not the principal's to see: the two read the same."""

    type = "not-found"
    title = "Not found"
    status = 404


class Conflict(DomainError):
    """The state of the subject has moved on, or does not allow this step."""

    type = "conflict"
    title = "The state does not allow this"
    status = 409


class PreconditionFailed(DomainError):
    """The caller's copy is not the current one (If-Match)."""

    type = "precondition-failed"
    title = "Your copy is not the current one"
    status = 412
