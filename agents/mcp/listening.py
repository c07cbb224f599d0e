"""Streams to an agent which resources changed, until it leaves or the time is over; must not tell what changed.

A stream holds a thread of the web server, so it takes a seat among those who wait for changes, and ends by itself
after `LONGEST_SECONDS`: the client then asks again, and reads anew what it depends on. While nothing has changed
anywhere and no moment has passed at which a text begins or ends, a look costs the one statement of authentication.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

import orjson
from django.db import connection
from django.utils import timezone
from mcp_types import SubscriptionFilter, SubscriptionsListenResult
from mcp_types.jsonrpc import INVALID_PARAMS

from agents.authentication import AuthenticatedAgent
from agents.mcp.protocol import Message, ProtocolError, error_frame, refusal, result_frame
from agents.mcp.resources import CONTRACT_URI, CONTRACTS, ITEM_URI, ITEMS
from agents.models import Scope
from agents.subscriptions import ASKED_AGAIN_AFTER_SECONDS, TooManyWait, state_of, take_seat
from context.epochs import next_boundary
from context.errors import DomainError, NotFound
from context.models import ContextVersion
from context.row_security import reading_as

LONGEST_SECONDS = 300
COMMENT_EVERY_SECONDS = 10  # by which a client that left is noticed
MOST_URIS = 100
LONGEST_URI = 300
MOST_STREAMS_OF_A_KEY = 2
SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"
LISTS = {"resources": "notifications/resources/list_changed", "prompts": "notifications/prompts/list_changed"}

_streams: Counter[int] = Counter()
_lock = Lock()
State = dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a stream tells of, of what was asked. The tools of a key never change, so of them it never tells."""

    uris: tuple[str, ...]
    lists: tuple[str, ...]

    def as_acknowledged(self) -> SubscriptionFilter:
        return SubscriptionFilter(
            resource_subscriptions=list(self.uris) or None,
            resources_list_changed=True if "resources" in self.lists else None,
            prompts_list_changed=True if "prompts" in self.lists else None,
        )


def wanted_of(asked: SubscriptionFilter) -> Wanted:
    """Every address is honoured, whether or not there is something there: what is hidden never changes."""
    uris = tuple(dict.fromkeys(asked.resource_subscriptions or ()))
    if len(uris) > MOST_URIS or any(len(uri) > LONGEST_URI for uri in uris):
        raise ProtocolError(
            INVALID_PARAMS, f"A stream tells of at most {MOST_URIS} resources.", data={"limit": MOST_URIS}
        )
    lists = {"resources": asked.resources_list_changed, "prompts": asked.prompts_list_changed}
    return Wanted(uris=uris, lists=tuple(name for name, on in lists.items() if on))


class Listening:
    """The bytes of one stream. It holds its seat from its making until `close`, however far it was read."""

    def __init__(
        self, *, message: Message, wanted: Wanted, agent: AuthenticatedAgent, again: Callable[[], AuthenticatedAgent]
    ) -> None:
        self._key = agent.key_id
        with _lock:
            if _streams[self._key] >= MOST_STREAMS_OF_A_KEY:
                raise TooManyWait(
                    f"This key listens {MOST_STREAMS_OF_A_KEY} times at this process already.",
                    limit=MOST_STREAMS_OF_A_KEY,
                    fix="Listen to more resources on one stream.",
                )
            self._give_back = take_seat()
            _streams[self._key] += 1
        self._open = True
        self._frames = _frames(message, wanted, agent, again)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._frames)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        with _lock:
            if not self._open:
                return
            self._open = False
            _streams[self._key] -= 1
            if not _streams[self._key]:
                del _streams[self._key]
        self._give_back()


def _frames(
    message: Message, wanted: Wanted, agent: AuthenticatedAgent, again: Callable[[], AuthenticatedAgent]
) -> Iterator[bytes]:
    meta = {SUBSCRIPTION_ID: message.id}
    honoured = wanted.as_acknowledged().model_dump(mode="json", by_alias=True, exclude_none=True)
    known, until = look(agent, wanted, timezone.now()), _until(agent)
    clock, ends, spoke = agent.clock, time.monotonic() + LONGEST_SECONDS, time.monotonic()
    yield _told("notifications/subscriptions/acknowledged", {"notifications": honoured, "_meta": meta})
    while time.monotonic() < ends:
        if not connection.in_atomic_block:
            connection.close()  # who waits keeps no connection from those who work
        time.sleep(ASKED_AGAIN_AFTER_SECONDS)
        try:
            agent = again()
            now = timezone.now()
            if agent.clock != clock or (until is not None and now >= until):
                found = look(agent, wanted, now)
                clock, until = agent.clock, _until(agent)
                for name in [name for name in found if found[name] != known.get(name)]:
                    spoke = time.monotonic()
                    yield _change(name, meta)
                known = found
        except DomainError as error:
            yield _event(error_frame(message.id, refusal(error, in_framing=False)))
            return
        if time.monotonic() - spoke >= COMMENT_EVERY_SECONDS:
            spoke = time.monotonic()
            yield b": still here\r\n\r\n"
    yield _event(result_frame(message, SubscriptionsListenResult(_meta=meta)))


def look(agent: AuthenticatedAgent, wanted: Wanted, now: datetime) -> State:
    """What each thing that is watched is now, as words that differ when it does. Two or three statements.

    An item as it is in force for this agent; a contract with what it gives; the names of a list.
    """
    found: State = dict.fromkeys((*wanted.uris, *wanted.lists), "")
    reads = Scope.CONTEXT_READ in agent.scopes
    items = {match[1] for uri in wanted.uris if (match := ITEM_URI.fullmatch(uri))} if reads else set()
    contracts = {match[1] for uri in wanted.uris if (match := CONTRACT_URI.fullmatch(uri))} if reads else set()
    with reading_as(agent.principal):
        versions = ContextVersion.objects.visible_to(agent.principal).in_force(now)
        told = versions.filter(item__key__in=items).values_list("item__key", "digest", "item__verified_until")
        found |= {ITEMS + key: f"{digest} {verified}" for key, digest, verified in told}
        if "resources" in wanted.lists and reads:
            keys = list(versions.order_by("item__key").values_list("item__key", flat=True))
            found["resources"] = _digest([*sorted(agent.contracts), *keys])
    found |= {CONTRACTS + slug: _contract(agent, slug) for slug in contracts}
    if "prompts" in wanted.lists and Scope.BUNDLES_READ in agent.scopes:
        found["prompts"] = _digest([f"{slug} {held}" for slug, held in sorted(agent.contracts.items())])
    return found


def _contract(agent: AuthenticatedAgent, slug: str) -> str:
    held = agent.contracts.get(slug)
    if held is None or Scope.BUNDLES_READ not in agent.scopes:
        return str(held)
    try:
        return f"{held} {state_of(agent=agent, contract=slug)}"
    except NotFound:
        return ""


def _until(agent: AuthenticatedAgent) -> datetime | None:
    """When time alone changes something next."""
    return next_boundary(clock=agent.clock, at=timezone.now())


def _change(name: str, meta: dict[str, Any]) -> bytes:
    if name in LISTS:
        return _told(LISTS[name], {"_meta": meta})
    return _told("notifications/resources/updated", {"uri": name, "_meta": meta})


def _told(method: str, params: dict[str, Any]) -> bytes:
    return _event({"jsonrpc": "2.0", "method": method, "params": params})


def _event(frame: dict[str, Any]) -> bytes:
    return b"event: message\r\ndata: " + orjson.dumps(frame) + b"\r\n\r\n"


def _digest(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
