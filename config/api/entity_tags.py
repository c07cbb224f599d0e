"""Entity tags: answers that need not be sent twice, and writes that must not overwrite unseen ones; no rule in here."""

from __future__ import annotations

import hashlib

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags

from config.api.errors import PreconditionRequired
from context.errors import PreconditionFailed

LONGEST_HEADER = 2000


def tag_of(content: bytes) -> str:
    """A strong entity tag over the very bytes of an answer."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def unchanged(request: HttpRequest, etag: str) -> bool:
    """Whether the caller holds this answer already (If-None-Match). Ask only after access was judged."""
    given = request.headers.get("If-None-Match", "")[:LONGEST_HEADER]
    if not given:
        return False
    tags = parse_etags(given)
    return "*" in tags or etag in {tag.removeprefix("W/") for tag in tags}


def not_modified(etag: str) -> HttpResponse:
    response = HttpResponse(status=304)
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    return response


def check_if_match(request: HttpRequest, *, current: str) -> None:
    """Refuse a write that does not say which copy it starts from (428), or that starts from an old one (412)."""
    given = request.headers.get("If-Match", "")[:LONGEST_HEADER]
    if not given:
        raise PreconditionRequired(
            "This write needs an If-Match header.",
            field="If-Match",
            fix="Read it first, and send the ETag that came with it as If-Match.",
        )
    # Strong comparison (RFC 9110, 13.1.1): a weak tag never matches.
    if current not in parse_etags(given):
        raise PreconditionFailed(
            "Somebody changed it since you read it.",
            field="If-Match",
            fix="Read it again, take over what is new, and send the new ETag as If-Match.",
        )
