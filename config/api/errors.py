"""The refusals that belong to HTTP rather than to the domain; must not know what is being asked for."""

from __future__ import annotations

from context.errors import DomainError


class MalformedJson(DomainError):
    """The body is not JSON, or JSON with more than one reading."""

    type = "malformed-json"
    title = "The body is not well-formed JSON"
    status = 400


class InvalidParameter(DomainError):
    """A parameter of the query string is unknown, repeated or out of range."""

    type = "invalid-parameter"
    title = "A query parameter is not valid"
    status = 400


class InvalidHeader(DomainError):
    """A header of the request cannot be read."""

    type = "invalid-header"
    title = "A request header is not valid"
    status = 400


class InvalidCursor(DomainError):
    """A page cursor was altered, or belongs to another list or other filters."""

    type = "invalid-cursor"
    title = "The page cursor is not valid"
    status = 400


class BadRequest(DomainError):
    """The request as a whole cannot be served; nothing more precise is known."""

    type = "bad-request"
    title = "The request cannot be read"
    status = 400


class NotAuthenticated(DomainError):
    """Nobody is signed in, or what they signed in with is wrong, expired or revoked."""

    type = "not-authenticated"
    title = "Sign in first"
    status = 401


class CsrfRefused(DomainError):
    """A write of a signed-in browser lacks the token that shows it comes from our own pages."""

    type = "csrf-refused"
    title = "The request does not come from our own pages"
    status = 403


class MethodNotAllowed(DomainError):
    """The address exists, but does not take this method."""

    type = "method-not-allowed"
    title = "This address does not take that method"
    status = 405


class NotAcceptable(DomainError):
    """The caller accepts none of the media types there are."""

    type = "not-acceptable"
    title = "None of the accepted media types is available"
    status = 406


class LengthRequired(DomainError):
    """The body comes in chunks of unsaid length, which the server does not pass on."""

    type = "length-required"
    title = "The length of the body must be said"
    status = 411


class BodyTooLarge(DomainError):
    """The body is longer than the address takes."""

    type = "body-too-large"
    title = "The body is too large"
    status = 413


class UnsupportedMediaType(DomainError):
    """The body is not of a type, or is encoded in a way, that is read here."""

    type = "unsupported-media-type"
    title = "The body is of a type that is not read here"
    status = 415


class IdempotencyKeyReused(DomainError):
    """The key was used for another request within its day."""

    type = "idempotency-key-reused"
    title = "The idempotency key belongs to another request"
    status = 422


class PreconditionRequired(DomainError):
    """A write to something that others may be writing to must say which copy it starts from (RFC 6585)."""

    type = "precondition-required"
    title = "The write must say which copy it starts from"
    status = 428


class TooManyRequests(DomainError):
    """The caller is asked to slow down."""

    type = "too-many-requests"
    title = "Too many requests"
    status = 429


class InternalError(DomainError):
    """A fault of ours. The request id finds it in the logs."""

    type = "internal-error"
    title = "Something went wrong on our side"
    status = 500
