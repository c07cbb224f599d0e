"""Tells an agent when something in its contract has changed, waiting for it a while; must not tell what, nor of others.

A state is an opaque word, the same as long as nothing changed that concerns this agent under this contract. It is a
keyed hash, so that it says nothing of how much else goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import BoundedSemaphore

from django.conf import settings
from django.db import connection
from django.utils.crypto import salted_hmac

from agents.authentication import AuthenticatedAgent
from agents.contracts import terms_of
from agents.models import Scope
from context.availability import resolve
from context.epochs import epoch_of
from context.errors import DomainError, NotFound
from context.row_security import reading_as

LONGEST_WAIT_SECONDS = 30
ASKED_AGAIN_AFTER_SECONDS = 0.5
TRY_AGAIN_AFTER_SECONDS = 5


class TooManyWait(DomainError):
    """Each who waits holds a thread of the web server, and there are few: better told at once than never."""

    type = "too-many-wait"
    title = "Too many wait for changes already"
    status = 503


_seats = BoundedSemaphore(settings.WAITERS_AT_ONCE)


def wait_for_change(
    *, agent: Callable[[], AuthenticatedAgent], contract: str, since: str, seconds: int
) -> tuple[str, bool]:
    """The state of what the contract gives the agent, and whether it is another than `since`.

    Returns at once where it is, else as soon as it is, at most `seconds` later. `agent` authenticates anew each time
    that is looked, so that a lost right ends the wait. Raises TooManyWait where every seat of this process is taken.
    """
    state = state_of(agent=agent(), contract=contract)
    if state != since or seconds <= 0:
        return state, state != since
    give_back = take_seat()
    try:
        ends = time.monotonic() + seconds
        while state == since and (left := ends - time.monotonic()) > 0:
            if not connection.in_atomic_block:
                connection.close()  # who waits keeps no connection from those who work
            time.sleep(min(ASKED_AGAIN_AFTER_SECONDS, left))
            state = state_of(agent=agent(), contract=contract)
        return state, state != since
    finally:
        give_back()


def take_seat() -> Callable[[], None]:
    """A place among those who wait at this process, and what gives it back. TooManyWait where none is free."""
    seats = _seats
    if not seats.acquire(blocking=False):
        raise TooManyWait(
            f"{settings.WAITERS_AT_ONCE} agents wait for changes at this process already.",
            limit=settings.WAITERS_AT_ONCE,
            fix=f"Ask again in {TRY_AGAIN_AFTER_SECONDS} seconds, or without waiting (wait=0).",
        )
    return seats.release


def state_of(*, agent: AuthenticatedAgent, contract: str) -> str:
    """The state as it is. Two to four statements.

    Where a contract brings matches, any text that the agent may read can be one; else only what it requires counts.
    """
    agent.require(Scope.BUNDLES_READ)
    held = agent.contracts.get(contract)
    if held is None:
        raise NotFound("There is no such contract.", field="contract")
    version, requirements = terms_of(*held)
    said = [agent.slug, version.digest]
    if version.most_matches:
        subjects = (f"agent:{agent.principal.id}", f"contract:{version.contract_id}")
        said.append(str(epoch_of(principal=agent.principal, subjects=subjects)))
    else:
        with reading_as(agent.principal):
            available = resolve(principal=agent.principal, requirements=requirements)
        said += [f"{each.requirement.name} {each.key} {each.digest}" for each in available.chosen]
        said += [f"{gap.requirement} {gap.code}" for gap in available.gaps]
    return salted_hmac("agents.subscriptions", "\n".join(said), algorithm="sha256").hexdigest()[:32]
