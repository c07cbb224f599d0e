"""Posts a body to a receiver outside, to a checked address only; must not know what it sends or try again."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from django.conf import settings

from context.errors import DomainError, InvalidInput

TIMEOUT_SECONDS = 10.0
LONGEST_URL = 500


class NotDelivered(DomainError):
    """The receiver did not take the body; the message says why in words fit for a status page."""

    type = "not-delivered"
    title = "The receiver did not take it"
    status = 502


def check_url(url: str, *, field: str = "url") -> None:
    """Refuse what could never be posted to, without a look at the network."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    schemes = ("https", "http") if settings.AUDIT_PRIVATE_ADDRESSES else ("https",)
    if (
        len(url) > LONGEST_URL
        or not url.isascii()
        or not url.isprintable()
        or " " in url
        or parts.scheme not in schemes
        or not parts.hostname
        or parts.username is not None
        or port == 0
    ):
        raise InvalidInput(
            f"{url[:80]!r} is not an address that can be posted to.",
            field=field,
            limit=LONGEST_URL,
            fix=f"Use a full URL that begins with {' or '.join(f'{each}://' for each in schemes)}, without a password.",
        )


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """POST and return once the receiver answered 2xx, else NotDelivered. Follows no redirect, reads no more than that.

    The address is resolved once, checked, and the connection made to that very address, so that a name cannot
    change between the two. TLS is verified against the name.
    """
    check_url(url)
    parts = urlsplit(url)
    host, secure = str(parts.hostname), parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    connection = _Pinned(host, port, _address_of(host, port), secure=secure)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body=body, headers=dict(headers))
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise NotDelivered(f"{host} could not be reached: {type(error).__name__}: {error}"[:300]) from error
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise NotDelivered(f"{host} answered {status}.")


def _address_of(host: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotDelivered(f"The name {host} is not known.") from error
    address = str(found[0][4][0])
    if not settings.AUDIT_PRIVATE_ADDRESSES:
        judged = [ipaddress.ip_address(str(each[4][0]).split("%")[0]) for each in found]
        if not all(each.is_global and not each.is_multicast for each in judged):
            raise NotDelivered(
                f"{host} has a private address.", fix="Set AUDIT_PRIVATE_ADDRESSES=1 where that is intended."
            )
    return address


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, whatever the name resolves to later."""

    def __init__(self, host: str, port: int, address: str, *, secure: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT_SECONDS)
        self._address = address
        self._secure = secure

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
