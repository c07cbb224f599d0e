"""The headers that travel with a bundle, and the one by which an agent says what it holds; must not judge either."""

from __future__ import annotations

import re

from agents.standing import HandedOver

LONGEST_HEADER = 2_000
_HELD = re.compile(r'(?:W/)?"([0-9a-f]{64})"')


def agreed_headers(handed: HandedOver) -> list[tuple[str, str]]:
    """Receipt, moment and lease; the statement is what the signature covers, byte for byte."""
    lease = handed.lease
    return [
        ("Plumbline-Receipt", str(handed.receipt_id)),
        ("Plumbline-Snapshot-At", handed.at),
        ("Plumbline-Lease-Until", lease.until_in_words),
        ("Plumbline-Statement", lease.statement),
        ("Plumbline-Signature", lease.signature),
    ]


def held_digests(if_none_match: str) -> frozenset[str]:
    """The bundles that the agent says it holds. `*` says of none which it is, and counts for nothing."""
    return frozenset(_HELD.findall(if_none_match[:LONGEST_HEADER])) if if_none_match else frozenset()
