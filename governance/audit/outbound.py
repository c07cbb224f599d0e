"""Posts to receivers of the ledger by the one way out of the house; must not know what it sends or try again.

Administrators name the receivers, one audited step each, so the host of a stream is allowed by being set up.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from django.conf import settings

from context.errors import DomainError, InvalidInput
from governance import outgoing


class NotDelivered(DomainError):
    """The receiver did not take the body; the message says why in words fit for a status page."""

    type = "not-delivered"
    title = "The receiver did not take it"
    status = 502


def check_url(url: str) -> None:
    """Refuse what could never be posted to, without a look at the network."""
    outgoing.check_url(url, allowed_hosts=[_host(url)], allow_private=settings.WEBHOOK_PRIVATE_ADDRESSES)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """POST and return once the receiver answered 2xx, else NotDelivered."""
    try:
        destination = outgoing.vet(url, allowed_hosts=[_host(url)], allow_private=settings.WEBHOOK_PRIVATE_ADDRESSES)
        outgoing.post(destination, body=body, headers=headers)
    except outgoing.NotReachable as failure:
        raise NotDelivered(str(failure)) from failure
    except InvalidInput as refusal:
        raise NotDelivered(refusal.detail, fix="Set WEBHOOK_PRIVATE_ADDRESSES=1 where that is intended.") from refusal


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError as error:
        raise InvalidInput("This is not a URL.", field="url", fix="Write https://host/path.") from error
