"""Every refusal as a problem document (RFC 9457), in DRF views, plain views and Django's own failures alike.

Must not decide anything: it only says over HTTP what a DomainError already says.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from rest_framework import exceptions
from rest_framework.request import Request

from config.api import errors
from context.errors import DomainError, InvalidInput, NotFound, NotPermitted
from context.request_id import current_request_id

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "/problems/"
# One sentence for both, so that what is hidden cannot be told from what does not exist.
NOTHING_HERE = "There is nothing at this address, or it is not yours to see: the two read the same."
MOST_ERRORS = 50
logger = logging.getLogger(__name__)


def problem_response(error: DomainError, request: HttpRequest | Request) -> HttpResponse:
    """The problem document of `error`: type, title, status, detail, instance, request_id and what else it names."""
    document = document_of(error)
    here = {"instance": request.path, "request_id": current_request_id()}
    document = {**{name: document.pop(name) for name in ("type", "title", "status", "detail")}, **here, **document}
    response = HttpResponse(_encode(document), status=error.status, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    if error.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Plumbline"'
    return response


def document_of(error: DomainError) -> dict[str, Any]:
    """What `error` says wherever it is said: in a problem document, or in the answer of another protocol.

    What is hidden is told like what does not exist. Only what JSON can say.
    """
    document: dict[str, Any] = {
        "type": TYPE_PREFIX + error.type,
        "title": error.title,
        "status": error.status,
        "detail": NOTHING_HERE if isinstance(error, NotFound) else error.detail,
    }
    if not isinstance(error, NotFound):
        named = {"field": error.field, "limit": error.limit, "fix": error.fix}
        document |= {name: value for name, value in named.items() if value is not None}
        document |= {
            name: value for name, value in error.extra.items() if name not in (*document, "instance", "request_id")
        }
    if "violations" in document:
        document["errors"] = document.pop("violations")
    found: dict[str, Any] = orjson.loads(_encode(document))
    return found


def _encode(document: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, default=str)
    except (orjson.JSONEncodeError, TypeError):
        # What was sent may be quoted back, lone surrogates and very large numbers included.
        return orjson.dumps(_sayable(document), default=str)


def _sayable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return str(value)
    if isinstance(value, Mapping):
        return {_sayable(str(name)): _sayable(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_sayable(part) for part in value]
    return value


def exception_handler(raised: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's EXCEPTION_HANDLER: None, which lets Django's handler500 speak, for what is a fault of ours."""
    error = as_domain_error(raised)
    if error is None:
        return None
    response = problem_response(error, context["request"])
    if isinstance(raised, exceptions.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def as_domain_error(raised: BaseException) -> DomainError | None:
    """What `raised` means to a caller; None where it is a fault of ours and not of the request."""
    match raised:
        case DomainError():
            return raised
        case Http404():
            return NotFound(NOTHING_HERE)
        case exceptions.ValidationError():
            return _invalid(raised)
        case exceptions.APIException():
            return _refusal(raised)
        case PermissionDenied():
            return NotPermitted(str(raised) or "You may not do this.")
        case RequestDataTooBig():
            return errors.BodyTooLarge("The body is longer than this address takes.", fix="Send less at a time.")
        case UnreadablePostError():
            return errors.BadRequest("The body ended before it was whole.", fix="Send the request again.")
        case SuspiciousOperation():
            return errors.BadRequest("The request was refused as malformed.", fix="Check the address and the headers.")
        case DataError():
            # The last net: a value that PostgreSQL cannot hold, and that no check before it has named.
            logger.warning("A value reached the database that it cannot hold: %s", raised)
            return InvalidInput(
                "A value is out of the range that can be stored.", fix="Send a smaller or plainer value."
            )
        case UnicodeError():
            logger.warning("Text reached an encoder that it cannot pass: %s", raised)
            return errors.BadRequest("The request holds text that is not well-formed Unicode.", fix="Send UTF-8.")
    return None


def _refusal(raised: exceptions.APIException) -> DomainError:
    detail = str(raised.detail)
    match raised:
        case exceptions.ParseError():
            return errors.MalformedJson(detail, fix="Send one well-formed JSON object in UTF-8.")
        case exceptions.AuthenticationFailed() | exceptions.NotAuthenticated():
            return errors.NotAuthenticated(
                detail, fix="Send a session cookie or the header Authorization: Bearer <token>."
            )
        case exceptions.PermissionDenied():
            if detail.startswith("CSRF"):
                return errors.CsrfRefused(detail, fix="Send the csrftoken cookie's value in the header X-CSRFToken.")
            return NotPermitted(detail)
        case exceptions.NotFound():
            return NotFound(NOTHING_HERE)
        case exceptions.MethodNotAllowed():
            return errors.MethodNotAllowed(detail, fix="Use one of the methods in the Allow header.")
        case exceptions.NotAcceptable():
            return errors.NotAcceptable(detail, fix="Accept application/json.")
        case exceptions.UnsupportedMediaType():
            return errors.UnsupportedMediaType(detail, fix="Send Content-Type: application/json.")
        case exceptions.Throttled():
            return errors.TooManyRequests(detail, fix="Wait, then try again.")
    return errors.BadRequest(detail)


def _invalid(raised: exceptions.ValidationError) -> InvalidInput:
    """The first field that does not fit, with all of them under `errors`."""
    found = list(_flat(raised.detail))[:MOST_ERRORS] or [{"field": "", "message": "The input is not valid."}]
    first = found[0]
    said = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    return InvalidInput(
        said, field=first["field"] or None, fix="Correct the named field and send the request again.", errors=found
    )


def _flat(detail: Any, path: str = "") -> list[dict[str, str]]:
    if isinstance(detail, Mapping):
        return [
            entry
            for name, part in detail.items()
            for entry in _flat(part, path if name == "non_field_errors" else f"{path}.{name}".strip("."))
        ]
    if isinstance(detail, list):
        if all(not isinstance(part, list | dict) for part in detail):
            return [{"field": path, "message": str(part)} for part in detail]
        # Errors of a list of objects stand at their places, empty where an object is well.
        return [entry for i, part in enumerate(detail) if part for entry in _flat(part, f"{path}.{i}".strip("."))]
    return [{"field": path, "message": str(detail)}]
