"""Spreads runs over agents by their weights and a stable hash of the run, never by chance; must not ask who is able.

Each agent draws as many numbers as it weighs, and the highest goes first: the shares are exactly the weights, and
an agent that comes or goes moves only the runs that go to it or came from it. Whole numbers alone, so that every
machine orders alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from agents.routing.definitions import Target

_WIDTH = 8


def balanced(targets: Sequence[Target], *, run: str, salt: str) -> list[Target]:
    """The targets in the order in which this run tries them."""
    return sorted(targets, key=lambda target: (_draw(target, run, salt), target.agent, target.contract), reverse=True)


def _draw(target: Target, run: str, salt: str) -> bytes:
    said = f"{len(run)}:{run}{len(salt)}:{salt}{target.agent}/{target.contract}".encode()
    drawn = hashlib.shake_128(said).digest(_WIDTH * target.weight)
    return max(drawn[start : start + _WIDTH] for start in range(0, len(drawn), _WIDTH))
