"""Follows relations from the items that requirements name, step by step; must not judge whether what is there will do.

A step leads from a text in force to the items that this text says it depends on, implements and so on: as approved
with it, so that the past is followed as it was. It goes through texts that are in force and the reader's to see alone.
Cycles end where they began, since each item counts once, at its shortest distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from context.candidates import MOST_FAULTS_LOOKED_AT, Candidate, statement_of_reached
from context.requirements import MOST_PER_REQUIREMENT, Requirement
from context.statements import rows

# So many items are looked at for one requirement, however far it reaches.
MOST_REACHED = MOST_PER_REQUIREMENT + MOST_FAULTS_LOOKED_AT


def reach(
    *,
    requirements: Sequence[Requirement],
    found: Mapping[int, list[Candidate]],
    parameters: Mapping[str, Any],
    at: datetime,
    as_of: bool,
) -> None:
    """Add to `found` what each requirement that follows relations reaches. One statement a step, five at most."""
    following = {ordinal: each for ordinal, each in enumerate(requirements) if each.follow}
    seen = {ordinal: {candidate.key for candidate in found[ordinal]} for ordinal in following}
    leaving = {ordinal: found[ordinal] for ordinal in following}
    for distance in range(1, max((each.depth for each in following.values()), default=0) + 1):
        pairs = [
            (ordinal, candidate.version_id)
            for ordinal, candidates in leaving.items()
            if following[ordinal].depth >= distance
            for candidate in candidates
            if candidate.version_id is not None
        ]
        if not pairs:
            return
        leaving = {}
        values = {
            **parameters,
            "at": at,
            "ordinals": [ordinal for ordinal, _ in pairs],
            "versions": [version_id for _, version_id in pairs],
            "follow": orjson.dumps({str(ordinal): each.follow for ordinal, each in following.items()}).decode(),
            "distance": distance,
            "most": MOST_REACHED,
        }
        for candidate in map(Candidate._make, rows(statement_of_reached(as_of=as_of), values)):
            known = seen[candidate.ordinal]
            if candidate.key not in known and len(known) < MOST_REACHED:
                known.add(candidate.key)
                found[candidate.ordinal].append(candidate)
                leaving.setdefault(candidate.ordinal, []).append(candidate)
