"""Talks to the outside over HTTP: allow-listed hosts, vetted addresses; must not know what it posts or reads.

The name is resolved once, every address it has is vetted, and the connection goes to a vetted address itself: a name
that answers otherwise the second time gains nothing. A post follows no redirect, a get vets each address anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import urljoin, urlsplit

from context.errors import InvalidInput

TIMEOUT_SECONDS = 10.0
LONGEST_ANSWER = 4_096
LONGEST_URL = 500
MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class NotReachable(Exception):
    """The other side could not be reached or did not take it: worth another attempt."""


class AnswerTooLong(Exception):
    """The other side answered with more than was to be read: another attempt would end the same."""


class AnswerTooSlow(NotReachable):
    """The other side had not ended its answer when the time was up."""


class AddressRefused(InvalidInput):
    """The URL leads where this installation does not post."""

    type = "address-refused"
    title = "This address is not allowed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """A vetted URL: whom to greet, and the address to connect to."""

    scheme: str
    host: str
    port: int
    path: str
    address: str


def check_url(
    url: str, *, allowed_hosts: Sequence[str], allow_private: bool, setting: str = "WEBHOOK_ALLOWED_HOSTS"
) -> None:
    """Refuse, without resolving it, a URL that would never be asked. Hosts match whole, or below `.example.org`.

    `setting` is where an administrator would allow the host, for the message.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    host = (parts.hostname or "").rstrip(".").lower()
    schemes = ("https", "http") if allow_private else ("https",)
    if len(url) > LONGEST_URL or not url.isascii() or any(character.isspace() for character in url):
        raise AddressRefused("The URL is too long or holds odd characters.", field="url", limit=LONGEST_URL)
    if parts.scheme not in schemes or not host or port == 0 or parts.username is not None:
        raise AddressRefused("The URL must be plain https.", field="url", fix="Write https://host/path.")
    if not any(host == each or (each.startswith(".") and host.endswith(each)) for each in allowed_hosts):
        raise AddressRefused(
            f"{host[:100]} is not among the hosts that this installation talks to.",
            field="url",
            fix=f"Ask an administrator to add it to {setting}.",
        )


def vet(
    url: str, *, allowed_hosts: Sequence[str], allow_private: bool, setting: str = "WEBHOOK_ALLOWED_HOSTS"
) -> Destination:
    """Where the URL leads now. AddressRefused where not allowed, NotReachable where the name does not resolve."""
    check_url(url, allowed_hosts=allowed_hosts, allow_private=allow_private, setting=setting)
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotReachable(f"{host} does not resolve.") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not allow_private and not is_public(address):
            raise AddressRefused(f"{host} leads to a private address.", field="url", fix="Use a public host.")
    if not addresses:
        raise NotReachable(f"{host} has no address.")
    path = parts.path or "/"
    return Destination(
        scheme=parts.scheme,
        host=host,
        port=port,
        path=f"{path}?{parts.query}" if parts.query else path,
        address=addresses[0],
    )


def is_public(address: str) -> bool:
    """Whether the address is one of the open internet; mapped and embedded IPv4 is judged as what it is."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None:
            found = inner
        elif found in ipaddress.ip_network("64:ff9b::/96"):
            found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.is_global and not found.is_multicast


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """`t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`: bound to its moment, so that a replay is noticed."""
    mac = hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={mac}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the other side said: its status, whatever that is, and the body."""

    status: int
    body: bytes


def post(destination: Destination, *, body: bytes, headers: Mapping[str, str]) -> int:
    """Post and return the status (2xx); NotReachable for anything else. Redirects are not followed."""
    answer = exchange(destination, body=body, headers=headers)
    if not 200 <= answer.status < 300:
        raise NotReachable(f"{destination.host} answered {answer.status}.")
    return answer.status


def exchange(
    destination: Destination,
    *,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float = TIMEOUT_SECONDS,
    longest: int | None = None,
) -> Answer:
    """Post and return what was answered. NotReachable where nothing came in `seconds`, or more than `longest` bytes.

    Without `longest` the body is cut at a few kilobytes instead. Redirects are not followed.
    """
    ends_at = monotonic() + seconds
    connection = _Connection(destination, seconds)
    try:
        connection.request("POST", destination.path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        read = bytearray()
        most = LONGEST_ANSWER if longest is None else longest
        while len(read) <= most and (part := answer.read1(min(65_536, most + 1 - len(read)))):
            read += part
            if monotonic() > ends_at:
                raise NotReachable(f"{destination.host} took longer than {seconds:g} seconds.")
    except (OSError, http.client.HTTPException) as error:
        raise NotReachable(f"{destination.host}: {type(error).__name__}") from error
    finally:
        connection.close()
    if longest is not None and len(read) > longest:
        raise NotReachable(f"{destination.host} answered with more than {longest} bytes.")
    return Answer(status=answer.status, body=bytes(read[:most]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """Which hosts may be asked, whether their addresses may be private, and the setting that says so."""

    hosts: Sequence[str]
    private: bool
    setting: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What a URL answered: where it was found in the end, its status, its headers by lower-case name, its body."""

    url: str
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def get(
    url: str,
    *,
    allowed: Allowed,
    headers: Mapping[str, str],
    seconds: float,
    longest: int,
    redirects: int = MOST_REDIRECTS,
    body: bytes | None = None,
) -> Page:
    """Read a URL (with `body`: ask it by a post, which is not redirected), at most `longest` bytes within `seconds`.

    The time is for everything: redirects, a trickle of headers, a body that never ends. AddressRefused where it leads
    to what is not allowed, AnswerTooLong, AnswerTooSlow, NotReachable for the rest.
    """
    ends_at = monotonic() + seconds
    for _ in range(redirects + 1):
        place = vet(url, allowed_hosts=allowed.hosts, allow_private=allowed.private, setting=allowed.setting)
        page = _page(url, place, body, headers, ends_at, longest)
        leads = page.headers.get("location", "")
        if page.status not in _REDIRECTS or not leads or body is not None:
            return page
        url = urljoin(url, leads)
    raise NotReachable(f"{url[:100]} was the last of more than {redirects} redirects.")


def _page(
    url: str, place: Destination, body: bytes | None, headers: Mapping[str, str], ends_at: float, longest: int
) -> Page:
    left = ends_at - monotonic()
    if left <= 0:
        raise AnswerTooSlow(f"{place.host} took too long.")
    connection = _Connection(place, left)
    with _ended_at(connection, left) as ended:
        try:
            connection.request("GET" if body is None else "POST", place.path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            if told.get("content-length", "").isdigit() and int(told["content-length"]) > longest:
                raise AnswerTooLong(f"{place.host} announces {int(told['content-length']):,} bytes.")
            read = bytearray()
            while part := answer.read1(65_536):
                read += part
                if len(read) > longest:
                    raise AnswerTooLong(f"{place.host} answered with more than {longest:,} bytes.")
        except (OSError, http.client.HTTPException, ValueError) as error:
            if ended.is_set() or isinstance(error, TimeoutError):
                raise AnswerTooSlow(f"{place.host} did not end its answer in time.") from error
            raise NotReachable(f"{place.host}: {type(error).__name__}") from error
        if ended.is_set():
            raise AnswerTooSlow(f"{place.host} did not end its answer in time.")
    return Page(url=url, status=answer.status, body=bytes(read), headers=told)


@contextlib.contextmanager
def _ended_at(connection: _Connection, seconds: float) -> Iterator[threading.Event]:
    """Within, the connection ends when the time is up: a socket's own time-out begins anew with every byte."""
    ended = threading.Event()

    def end() -> None:
        ended.set()
        connection.abort()

    watch = threading.Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield ended
    finally:
        watch.cancel()
        connection.close()


class _Connection(http.client.HTTPConnection):
    """Greets the host by its name, TLS included, but connects to the vetted address."""

    def __init__(self, destination: Destination, seconds: float) -> None:
        super().__init__(destination.host, destination.port, timeout=seconds)
        self.destination = destination
        # Kept besides `sock`, which is given away to an answer that ends with its connection.
        self._held: socket.socket | None = None

    def connect(self) -> None:
        plain = socket.create_connection((self.destination.address, self.destination.port), self.timeout)
        self._held = self.sock = plain
        if self.destination.scheme == "https":
            context = ssl.create_default_context()
            wrapped = context.wrap_socket(plain, server_hostname=self.destination.host, do_handshake_on_connect=False)
            self._held = self.sock = wrapped
            wrapped.do_handshake()

    def abort(self) -> None:
        """End it from another thread: whoever reads or writes is told at once."""
        if self._held is not None:
            with contextlib.suppress(OSError):
                self._held.shutdown(socket.SHUT_RDWR)
