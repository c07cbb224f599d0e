"""Which tests run in one process, and which begin first, so that no process waits at the end; no tests.

By their addresses, because the mark `xdist_group` never reaches the scheduler: pytest 9.2 no longer lets pytest-xdist
write a group into the name of a test, and `--dist loadgroup` scatters the marked tests without a word.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

# What is made once for its tests, and dearly: an `up`, the loaded sample, the matrix's world, a world of flows.
TOGETHER = (
    "tests/faults/",
    "tests/access/test_matrix.py",
    "tests/sample/",
    "tests/trio/",
    "tests/agent_flows/test_checks.py",
    "tests/agent_flows/test_advancing.py",
    "tests/agent_flows/test_triggers.py",
    "tests/agent_flows/test_pages.py",
    "tests/agent_flows/test_api.py",
)


class Together(LoadScopeScheduling):
    """Hands out the tests one by one in their order, but those of a place in `TOGETHER` at once."""

    def _split_scope(self, nodeid: str) -> str:
        return place_of(nodeid) or nodeid


def place_of(nodeid: str) -> str:
    """The place in `TOGETHER` where the test lies, or nothing."""
    return next((place for place in TOGETHER if nodeid.startswith(place)), "")


def longest_first(items: list[pytest.Item]) -> None:
    """Put first what takes long as a whole: what runs together, then what is marked slow."""

    def rank(item: pytest.Item) -> int:
        place = place_of(item.nodeid)
        if place:
            return TOGETHER.index(place)
        return len(TOGETHER) + (item.get_closest_marker("slow") is None)

    items.sort(key=rank)
