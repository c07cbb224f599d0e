"""The skew map: which agent holds which revision of which contract now, who is behind, and since when; must not write.

An agent holds what its last receipt under a contract says. It is behind where a text in it is no longer in force or the
contract has another version. Until its lease ends it may go on without asking; afterwards it has to ask first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson

from agents.models import Agent, ContextContract
from agents.use import visible_agents
from context.access import Principal
from context.models import ContextItem
from context.row_security import reading_as_system
from context.statements import rows

Standing = Literal["current", "behind", "lapsed", "never"]
MOST_PAIRS = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class MovedOn:
    """A text that an agent holds and that is no longer in force. `now` is the number in force, None where none is."""

    key: str
    held: int
    now: int | None
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """One agent under one contract. `moved_on` names only texts that the asker may know of; `behind` counts all."""

    agent: Agent
    contract: ContextContract
    standing: Standing
    contract_version: int | None
    current_contract_version: int | None
    texts: int
    behind: int
    behind_since: datetime | None
    moved_on: tuple[MovedOn, ...]
    bundle: str
    held_since: datetime | None
    last_told_at: datetime | None
    lease_until: datetime | None


# The last receipt of each pair, and when the agent first got that bundle. A bundle of a past moment is no revision that
# anybody works on.
_HELD = """
SELECT pair.agent, pair.contract, held.bundle_id, held.served_at, held.lease_until, held.number, held.version_ids,
       (SELECT min(first.served_at) FROM agents_receipt first
        WHERE first.bundle_id = held.bundle_id AND first.agent_id = pair.agent)
FROM unnest(%(agents)s::bigint[], %(contracts)s::bigint[]) AS pair (agent, contract)
JOIN LATERAL (
    SELECT receipt.bundle_id, receipt.served_at, receipt.lease_until, version.number, bundle.version_ids
    FROM agents_receipt receipt
    JOIN agents_bundle bundle ON bundle.digest = receipt.bundle_id AND bundle.as_of IS NULL
    JOIN agents_contractversion version
        ON version.id = bundle.contract_version_id AND version.contract_id = pair.contract
    WHERE receipt.agent_id = pair.agent
    ORDER BY receipt.id DESC LIMIT 1
) held ON true
"""
_MOVED_ON = """
SELECT version.id, item.key, version.number, least(version.superseded_at, version.valid_to, item.retired_at),
       (SELECT max(present.number) FROM context_contextversion present
        WHERE present.item_id = item.id AND present.published_at <= %(now)s AND present.valid_from <= %(now)s
        AND (present.valid_to IS NULL OR present.valid_to > %(now)s)
        AND (present.superseded_at IS NULL OR present.superseded_at > %(now)s) AND item.retired_at IS NULL)
FROM context_contextversion version JOIN context_contextitem item ON item.id = version.item_id
WHERE version.id = ANY (%(ids)s::bigint[])
AND least(version.superseded_at, version.valid_to, item.retired_at) <= %(now)s
"""


def skew_map(*, principal: Principal, now: datetime, contract: str = "") -> list[Holding]:
    """Every agent that the principal may know of, under each contract it is given, worst first. Five queries."""
    pairs = _pairs(principal, contract)
    held = {
        (agent, asked_for): rest
        for agent, asked_for, *rest in rows(
            _HELD,
            {"agents": [agent.pk for agent, _ in pairs], "contracts": [each.pk for _, each in pairs]},
        )
    }
    texts = {version for _, _, _, _, ids, _ in held.values() for version in _ids(ids)}
    # Counted whole whoever asks; which they are is told below to who may know of them.
    with reading_as_system():
        gone = {row[0]: row[1:] for row in rows(_MOVED_ON, {"ids": sorted(texts), "now": now})}
    known = set(
        ContextItem.objects.visible_to(principal)
        .filter(key__in={key for key, *_ in gone.values()})
        .values_list("key", flat=True)
    )
    found = [_holding(agent, given, held.get((agent.pk, given.pk)), gone, known, now) for agent, given in pairs]
    return sorted(found, key=lambda each: (_ORDER[each.standing], each.agent.name, each.contract.name))


def summary_of(holdings: Sequence[Holding]) -> Mapping[Standing, int]:
    """How many are in each standing, in the order in which they are told."""
    counted = Counter(each.standing for each in holdings)
    return {standing: counted[standing] for standing in _ORDER}


_ORDER: Mapping[Standing, int] = {"behind": 0, "lapsed": 1, "current": 2, "never": 3}


def _ids(stored: str) -> list[int]:
    ids: list[int] = orjson.loads(stored)
    return ids


def _pairs(principal: Principal, contract: str) -> list[tuple[Agent, ContextContract]]:
    agents = visible_agents(principal).prefetch_related("contracts__current_version").order_by("name")
    pairs = [
        (agent, given)
        for agent in agents
        for given in agent.contracts.all()
        if given.current_version_id is not None and contract in ("", given.slug)
    ]
    return pairs[:MOST_PAIRS]


def _holding(
    agent: Agent,
    given: ContextContract,
    held: Sequence[Any] | None,
    gone: Mapping[int, Sequence[Any]],
    known: set[str],
    now: datetime,
) -> Holding:
    current = given.current_version
    if held is None:
        return Holding(
            agent=agent,
            contract=given,
            standing="never",
            contract_version=None,
            current_contract_version=current.number if current else None,
            texts=0,
            behind=0,
            behind_since=None,
            moved_on=(),
            bundle="",
            held_since=None,
            last_told_at=None,
            lease_until=None,
        )
    bundle, served_at, lease_until, number, version_ids, held_since = held
    ids = _ids(version_ids)
    moved = [MovedOn(key=row[0], held=row[1], since=row[2], now=row[3]) for each in ids if (row := gone.get(each))]
    ends = [each.since for each in moved]
    if current is not None and current.number != number:
        ends.append(current.created_at)
    behind_since = min(ends, default=None)
    lapsed = lease_until is None or lease_until <= now
    return Holding(
        agent=agent,
        contract=given,
        standing="behind" if behind_since is not None else "lapsed" if lapsed else "current",
        contract_version=number,
        current_contract_version=current.number if current else None,
        texts=len(ids),
        behind=len(moved),
        behind_since=behind_since,
        moved_on=tuple(sorted((each for each in moved if each.key in known), key=lambda each: each.since)),
        bundle=bundle,
        held_since=held_since,
        last_told_at=served_at,
        lease_until=lease_until,
    )
