"""Gives a repeated write its first answer instead of a second effect; must not know what was written.

The key is claimed by a unique constraint in the transaction of the effect: a crash leaves neither, and a twin waits for
the first to commit. Refusals are not kept: what was asked was not done, so the same key may be tried again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from config.api.errors import IdempotencyKeyReused, InvalidHeader
from context.access import Principal
from context.digests import digest_of
from context.errors import Conflict, DomainError
from context.models import IdempotentRequest

HEADER: Final = "Idempotency-Key"
KEPT: Final = timedelta(hours=24)
LONGEST_KEY: Final = 200
PRINTABLE = re.compile(r"[\x21-\x7e]+")
REPEATED_HEADERS: Final = ("ETag", "Location", "Content-Location")


def answer_once(
    *,
    request: HttpRequest,
    principal: Principal,
    body: Mapping[str, Any],
    now: datetime,
    answer: Callable[[], HttpResponse],
    may_repeat: Callable[[Mapping[str, str]], None] = lambda headers: None,
) -> HttpResponse:
    """Carry out `answer` once for the principal's Idempotency-Key; without the header, simply carry it out.

    `may_repeat` is asked, with the stored headers, before a stored answer is sent again, and raises where the principal
    may no longer see what it tells. Raises IdempotencyKeyReused where the key belongs to another request.
    """
    key = _key(request)
    if key is None:
        return answer()
    asked = digest_of(
        {
            "method": request.method,
            "path": request.get_full_path(),
            "if_match": request.headers.get("If-Match", ""),
            "body": body,
        }
    )
    mine = {"principal_kind": principal.kind, "principal_id": principal.id, "key": key}
    with transaction.atomic():
        row = _claim(mine, asked, now)
        if row.status is not None:
            may_repeat(row.headers)
            return _repeated(row)
        refusal: DomainError | None = None
        try:
            response = answer()
        except DomainError as error:
            # The function that refused undid its own work; what it wrote of the refusal (an audit event) stands.
            refusal = error
        if refusal is not None or response.status_code >= HTTPStatus.BAD_REQUEST:
            row.delete()
        else:
            row.status = response.status_code
            row.body = response.content
            row.content_type = response.headers.get("Content-Type", "")[:80]
            row.headers = {name: response.headers[name] for name in REPEATED_HEADERS if name in response.headers}
            row.save(update_fields=["status", "body", "content_type", "headers"])
    if refusal is not None:
        raise refusal
    return response


def forget_answers(*, now: datetime) -> int:
    """Delete the answers older than a day; how many. For a periodic task."""
    deleted, _ = IdempotentRequest.objects.filter(created_at__lt=now - KEPT).delete()
    return deleted


def _claim(mine: Mapping[str, Any], asked: str, now: datetime) -> IdempotentRequest:
    """The row of this key, locked: ours, or that of a twin who was first, with its answer."""
    IdempotentRequest.objects.filter(**mine, created_at__lt=now - KEPT).delete()
    # ON CONFLICT DO NOTHING waits for a twin's transaction, and then leaves the row that the twin committed.
    IdempotentRequest.objects.bulk_create([IdempotentRequest(**mine, request_sha256=asked)], ignore_conflicts=True)
    row = IdempotentRequest.objects.select_for_update().filter(**mine).first()
    if row is None:
        # The twin was refused and let go of the key between our two statements.
        raise Conflict("The same request is being carried out elsewhere.", field=HEADER, fix="Send it again.")
    if row.request_sha256 != asked:
        raise IdempotencyKeyReused(
            "This Idempotency-Key was used for another request.", field=HEADER, fix="Use a new key for a new request."
        )
    return row


def _key(request: HttpRequest) -> str | None:
    given = request.headers.get(HEADER)
    if given is None:
        return None
    if len(given) > LONGEST_KEY or not PRINTABLE.fullmatch(given):
        raise InvalidHeader(
            f"{HEADER} must be 1 to {LONGEST_KEY} printable ASCII characters without spaces.",
            field=HEADER,
            limit=LONGEST_KEY,
            fix="Send a UUID.",
        )
    return given


def _repeated(row: IdempotentRequest) -> HttpResponse:
    content = bytes(row.body) if row.body is not None else b""
    response = HttpResponse(content, status=row.status, content_type=row.content_type or None)
    for name, value in row.headers.items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
    return response
